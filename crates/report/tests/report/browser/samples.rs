//! The wall of samples, its viewer and the film strip.

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::support::checked::{assert_all_ok, lines_of, lines_with, with_tools};
use crate::support::{Outcome, Synthetic};

#[test]
fn averages_are_shown_beside_weights_and_either_alone() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { averaged: true, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.samples');
        const source = (place) => one(`.sample[data-run='${place}'] img`).getAttribute('src');
        const [averaged, plain] = [source(0), source(4)];
        check('the gallery shows the average', () => equal(averaged, grid('ema-0-0').at(-1)));
        set('.samples [data-option=wall-weights][value=raw]', true);
        await frames(3);
        check('and the weights', () => equal([source(0), source(4)], [grid('raw-0-0').at(-1), plain]));
        set('.samples [data-option=wall-weights][value=both]', true);
        await frames(3);
        const panes = (place) => all(`.sample[data-run='${place}'] .pane`);
        check('and both beside each other, where a run has both', () => equal(
            [panes(0).map((pane) => [pane.dataset.weights, pane.querySelector('img').getAttribute('src')]), panes(4).length],
            [[['weights', grid('raw-0-0').at(-1)], ['average', grid('ema-0-0').at(-1)]], 1]));
        const [before, after] = panes(0).map((pane) => pane.getBoundingClientRect());
        check('of one size', () => that(before.right <= after.left && before.top === after.top && Math.abs(before.width - panes(4)[0].getBoundingClientRect().width) < 2));
        check('and the window holds them', () => that(document.documentElement.scrollWidth <= innerWidth));
        set('.samples [data-option=wall-weights][value=ema]', true);
        await frames(3);
        check('one at a time again', () => equal([panes(0).length, source(0)], [1, averaged]));
        one(\".sample[data-run='0'] button\").click();
        const shown = () => all('.viewer .main .sample').filter((figure) => !figure.hidden);
        check('the viewer shows both', () => equal(
            shown().map((figure) => [figure.textContent.trim(), figure.querySelector('img').getAttribute('src')]),
            [['Weights', grid('raw-0-0').at(-1)], ['Averaged weights', grid('ema-0-0').at(-1)]]));
        const [left, right] = shown().map((figure) => figure.getBoundingClientRect());
        check('side by side', () => that(left.right <= right.left && left.top === right.top && left.width > 150));
        for (const [option, count] of [['raw', 1], ['ema', 1], ['both', 2]]) {
            set(`.viewer [data-option=weights][value=${option}]`, true);
            check(`the switch shows ${option}`, () => that(
                shown().length === count && (option === 'both' || shown()[0].dataset.source === option)));
        }
        set('.viewer [data-control=epoch]', 1);
        check('the slider changes both', () => equal(
            shown().map((figure) => figure.querySelector('img').getAttribute('src')),
            [grid('raw-0-0')[1], grid('ema-0-0')[1]]));
        one('.viewer .previous').click();
        check('a run without an average has no switch', () => that(
            shown().length === 1 && one('.viewer .segmented').hidden));";
    let tools = "const grid = (id) => [...JSON.parse(document.getElementById(id).textContent),
        /base64,([^\\\"]*)/.exec(document.getElementById(`last-${id}`).textContent)[1]].map((png) => `data:image/png;base64,${png}`);";
    let Some(lines) = lines_of(folder.path(), &with_tools(&format!("{tools}{script}")), &[]) else { return };
    assert_all_ok(&lines, 15);
}

#[test]
fn the_wall_is_arranged_by_the_keys_that_the_reader_chooses() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.samples');
        const headings = () => all('.gallery th').map((heading) => heading.textContent.trim());
        const choose = (name, title) => {
            const options = [...one(`[data-control='${name}']`).options];
            set(`[data-control='${name}']`, options.find((option) => option.textContent === title).value);
        };
        const titles = [...one('[data-control=wall-rows]').options].map((option) => option.textContent);
        check('keys and seed can be chosen', () => equal(titles, ['nothing', 'lr', 'hidden', 'seed']));
        choose('wall-columns', 'seed');
        check('another key runs along the side', () => equal(headings(), ['lr', 'seed 1', 'seed 2', '2e-4', '1e-3']));
        check('the remaining key has a slider', () => equal(
            all('.wall-at').filter((slider) => !slider.hidden).map((slider) => slider.textContent.trim()), ['hidden128']));
        const shown = () => all('.gallery .sample[data-run]').map((figure) => Number(figure.dataset.run));
        check('the wall has the runs at its place', () => equal(shown(), [0, 1, 4, 5]));
        set(\"[data-control='wall-at-hidden']\", 1);
        await frames(3);
        check('the slider shows the others', () => equal(shown(), [2, 3, 6, 7]));
        await until(() => all('.gallery .sample[data-run] img').every((image) => image.src || image.closest('.sample').dataset.run === '3'));
        check('with their images', () => that(one(\".sample[data-run='2'] img\").src.startsWith('data:image/png')));
        dispatchEvent(new Event('beforeprint'));
        check('paper has all runs', () => equal(shown().length, 8));
        dispatchEvent(new Event('afterprint'));
        check('and the screen the chosen ones again', () => equal(shown(), [2, 3, 6, 7]));
        choose('wall-rows', 'seed');
        check('sides change places', () => equal(headings(), ['seed', 'lr 2e-4', 'lr 1e-3', '1', '2']));
        await frames(15);
        check('the address has the sides', () => that(location.hash.includes('wall-rows=')));
        choose('wall-rows', 'nothing');
        choose('wall-columns', 'nothing');
        check('without sides all runs stand in order', () => equal(shown(), [0, 1, 2, 3, 4, 5, 6, 7]));
        check('nothing is wider than the window', () => that(document.documentElement.scrollWidth <= innerWidth));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 13);
}

#[test]
fn a_film_strip_and_the_charts_show_where_the_epoch_is() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.curves');
        const left = () => parseFloat(one('.chart .epoch-mark').style.left);
        check('the epoch is marked on a chart', () => that(!one('.chart .epoch-mark').hidden));
        const atEnd = left();
        set('.bar [data-control=epoch]', 1);
        await frames(3);
        const share = (left() - 54) / (atEnd - 54);
        check('and moves with the slider', () => that(share > 0.25 && share < 0.4, `${share}`));
        await show('.samples');
        one(\".sample[data-run='0'] button\").click();
        const frames_ = () => all('.strip button');
        check('the strip has a frame per epoch', () => equal(frames_().map((frame) => frame.textContent), ['0', '1', '2', '3']));
        check('the present one is marked', () => equal(frames_().findIndex((frame) => frame.ariaCurrent === 'true'), 1));
        frames_()[3].click();
        check('a click goes there', () => equal(one('.viewer .timeline output').textContent, '3'));
        const images = frames_().map((frame) => frame.querySelector('img').getAttribute('src'));
        const commands = all('.viewer [data-verb]').map((code) => code.textContent);
        check('the next commands name the run', () => that(
            commands.length === 3 && commands.every((command) => command.includes(sweeps[0].runs[0].id.slice(0, 12)) && command.includes(' --results ')),
            commands.join()));
        check('frames are the grids of the run', () => equal(images.at(-1), one(\".viewer [data-source='raw'] img\").getAttribute('src')));
        one('.viewer .close').click();";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn the_best_checkpoint_is_marked_on_wall_strip_and_charts_and_a_click_away() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { best: Some(2), ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        const stars = one('.chart .plot').data.at(-1);
        const { step } = sweeps[0].runs[0].best;
        check('charts have a star for each run that keeps one', () => equal([stars.marker.symbol, stars.x.every((x) => x === step), stars.x.length], ['star', true, 3]));
        await show('.samples');
        const said = (run) => one(`.sample[data-run='${run}'] .when`).textContent;
        const source = (run) => one(`.sample[data-run='${run}'] img`).getAttribute('src');
        const last = source(0);
        check('another epoch is not marked', () => equal(said(0), ''));
        set('[data-control=at-best]', true);
        await frames(3);
        check('the switch shows the best checkpoints, and says so', () => that(said(0) === '★ epoch 2' && source(0) !== last && one(\".sample[data-run='0'] .when\").title.includes('FD 12.5'), said(0)));
        check('runs without one stay at the epoch of the slider', () => equal(said(4), ''));
        const best = source(0);
        await frames(15);
        check('the address has it', () => equal(new URLSearchParams(location.hash.slice(1)).get('at-best'), 'true'));
        set('[data-control=at-best]', false);
        await frames(3);
        check('and back', () => equal(source(0), last));
        one(\".sample[data-run='0'] button\").click();
        const marked = all('.strip button').filter((frame) => frame.classList.contains('best'));
        check('the strip marks its frame', () => equal(marked.map((frame) => frame.textContent), ['★ 2']));
        one('.to-best').click();
        check('a button goes to its epoch', () => that(
            one('.viewer .timeline output').textContent === '2' && one('.viewer .main img').getAttribute('src') === best && one('.viewer .when').textContent === '★ epoch 2'));
        one('.viewer .previous').click();
        check('a run without one has no button', () => that(one('.to-best').hidden));
        one('.viewer .close').click();";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 11);
}

#[test]
fn thousands_of_grids_are_in_the_page_only_while_they_are_near_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |_| Outcome::Completes;
    let lone = Synthetic { widths: vec![128], seeds: (1..=1000).collect(), ..Synthetic::default() };
    Synthetic { outcome, points: 1, epochs: 1, side: 1, ..lone }.record(folder.path());
    let script = "const grids = () => all('.gallery .sample[data-run]').length;
        one('.runs').scrollIntoView({ behavior: 'instant' });
        await until(() => grids() === 0);
        check('they are away while the table is in view', () => equal(grids(), 0));
        const height = document.documentElement.scrollHeight;
        one('.samples').scrollIntoView({ behavior: 'instant' });
        await until(() => grids() > 0);
        check('they are back when they come into view', () => equal(grids(), 2000));
        await until(() => one('.gallery .sample[data-run] img').src);
        check('with their images', () => that(one('.gallery .sample[data-run] img').src.startsWith('data:image/png')));
        check('and nothing has moved', () => that(Math.abs(document.documentElement.scrollHeight - height) < 0.1 * height, `${height} ${document.documentElement.scrollHeight}`));
        one('.runs').scrollIntoView({ behavior: 'instant' });
        await until(() => grids() === 0);
        dispatchEvent(new Event('beforeprint'));
        check('paper has them wherever the reader is', () => equal(grids(), 2000));
        dispatchEvent(new Event('afterprint'));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 7);
}

#[test]
fn a_long_wall_begins_with_the_best_and_links_reach_what_is_below_it() {
    let folder = tempfile::tempdir().unwrap();
    // Keys that make no matrix, as in a random search.
    let keys = Synthetic {
        further_keys: 5,
        rates: (1..=30).map(|rate| f64::from(rate) * 1e-4).collect(),
        speed: |spec| 1000.0 + 1e5 * spec.lr - spec.seed as f64,
        ..Synthetic::ranked()
    };
    Synthetic { seeds: vec![1, 2], points: 4, ..keys }.record(folder.path());
    let script = "const shown = () => all('.gallery .flow .sample').filter((figure) => figure.checkVisibility());
        const more = one('.more-grids');
        const top = (name) => one(`[data-section=${name}]`).getBoundingClientRect().top;
        const place = () => parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
        const order = sweeps[0].findings.order.flatMap((config) => sweeps[0].configuration.configs[config].runs);
        check('a few of 120 runs are there, the best first', () => equal([sweeps[0].runs.length, shown().map((figure) => Number(figure.dataset.run))], [120, order.slice(0, 24)]));
        check('a button says how many there are', () => equal(more.textContent, 'Show all 120 runs'));
        set('[data-control=filter]', 'seed=2');
        check('the filter leaves the first of those that pass', () => equal(shown().map((figure) => Number(figure.dataset.run)), order.filter((run) => sweeps[0].runs[run].seed === 2).slice(0, 24)));
        set('[data-control=filter]', 'seed=2 lr<2e-3');
        check('few are shown whole', () => equal([shown().length, more.hidden], [38, true]));
        one('.reset').click();
        more.click();
        check('a click shows all', () => equal([shown().length, more.textContent, more.ariaExpanded], [120, 'Show the first runs only', 'true']));
        for (const name of ['space', 'runs', 'curves', 'space']) {
            one(`.sections a[href='#${name}']`).click();
            await new Promise((done) => setTimeout(done, 900));
            check(`the link reaches ${name}`, () => that(Math.abs(top(name) - place()) < 3, `${top(name)} instead of ${place()}`));
        }
        more.click();
        check('and few again', () => equal([shown().length, more.textContent], [24, 'Show all 120 runs']));
        dispatchEvent(new Event('beforeprint'));
        check('paper has all', () => equal(all('.gallery .sample.beyond').length, 0));
        dispatchEvent(new Event('afterprint'));
        check('the screen does not', () => equal(shown().length, 24));
        set('[data-control=wall-rows]', [...one('[data-control=wall-rows]').options].find((option) => option.textContent.split(' · ').includes('lr')).value);
        const rows = () => all('.grids tbody tr').filter((row) => row.checkVisibility()).length;
        check('a long matrix begins with a few rows', () => equal([rows(), more.textContent], [12, 'Show all 30 rows']));
        more.click();
        check('and shows all of them, too', () => equal(rows(), 30));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 16);
}

#[test]
fn the_viewer_shows_the_real_images_of_the_runs_own_data() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { mixed: true, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.samples');
        const reals = all('.gallery .real');
        check('the wall has those of both, told apart by their sizes', () => equal(reals.map((real) => real.textContent.trim()), ['Real mnist, 28 × 28 grey', 'Real mnist, 28 × 28 grey']));
        const source = (element) => element.querySelector('img').getAttribute('src');
        const shown = (run) => { one(`.sample[data-run='${run}'] button`).click(); const real = source(one('.viewer .real')); one('.viewer .close').click(); return real; };
        check('they differ', () => that(source(reals[0]) !== source(reals[1])));
        check('each run stands beside its own', () => equal([shown(0), shown(1), shown(2)], [source(reals[0]), source(reals[1]), source(reals[0])]));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 5);
}
