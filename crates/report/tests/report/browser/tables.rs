//! The tables of configs and of runs.

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::support::checked::{assert_all_ok, lines_of, lines_with, with_tools};
use crate::support::{Outcome, Spec, Synthetic};

#[test]
fn a_collapsed_run_is_flagged_and_comes_last_by_every_metric() {
    let folder = tempfile::tempdir().unwrap();
    let curve = |spec: &Spec, _: f64| match spec.lr {
        lr if lr > 5e-4 => [0.01, 9.0, 0.999, 0.001, 0.001, 1.0, 1.0],
        _ => [1.2, 0.8, 0.6, 0.4, 0.4, 1.0, 1.0],
    };
    let outcome = |_| Outcome::Completes;
    Synthetic { widths: vec![128], curve, outcome, ..Synthetic::default() }.record(folder.path());
    let script = "const rows = () => all('.runtable tbody tr').map((row) => Boolean(row.querySelector('.flag')));
        const rates = () => all('.runtable tbody tr').map((row) => row.cells[1].textContent.trim());
        for (const direction of ['upwards', 'downwards']) {
            one(\"[data-sort='final:0']\").click();
            check(`collapsed runs are last ${direction}`, () => equal(rows(), [false, false, true, true]));
        }
        check('the flag says why', () => that(one('.runtable .flag').title.includes('D is saturated') && one('.runtable .cause').textContent.includes('D is saturated')));
        check('samples are flagged too', () => equal(all('.gallery .flag').length, 2));
        set('[data-control=filter]', '!collapsed');
        check('the filter knows them', () => equal(all('.runtable tr.off').length, 2));
        one('.reset').click();
        one(\"[data-sort='axis:0']\").click();
        check('keys still sort all runs', () => equal(rates(), ['2e-4', '2e-4', '1e-3', '1e-3']));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 8);
}

#[test]
fn the_table_of_configs_follows_the_filter() {
    let folder = tempfile::tempdir().unwrap();
    let curve = |spec: &Spec, _: f64| {
        let loss = 1.0 + 0.25 * spec.seed as f64 + if spec.width > 128 { 1.0 } else { 0.0 };
        [loss, 0.8, 0.6, 0.4, 0.4, 1.0, 1.0]
    };
    let outcome = |place| if place == 0 { Outcome::Fails(0.5) } else { Outcome::Completes };
    Synthetic { seeds: vec![1, 2, 3], outcome, curve, ..Synthetic::default() }.record(folder.path());
    let script = "const table = one('.configtable');
        const shown = () => [...table.tBodies[0].rows].filter((row) => row.dataset.config && !row.hidden);
        const results = () => shown().map((row) => row.querySelector(\"[data-cell='result:0']\").textContent);
        const text = (row, cell) => row.querySelector(`[data-cell=${cell}]`).textContent;
        await show('.by-config');
        check('means are over the runs that did not fail', () => equal(results(), ['1.625 ± 0.177', '2.500 ± 0.250', '1.500 ± 0.250', '2.500 ± 0.250']));
        check('failures are counted', () => equal(shown().map((row) => text(row, 'failures')), ['1', '', '', '']));
        check('a loss ranks nothing', () => that(!one('[data-order=rank]') && one('.best').classList.contains('not_ranked')));
        one(\"[data-order='result:0']\").click();
        check('a click sorts configs', () => equal(results(), ['1.500 ± 0.250', '1.625 ± 0.177', '2.500 ± 0.250', '2.500 ± 0.250']));
        one('.configtable .expand').click();
        check('a config opens to its runs', () => equal(all('.members [data-member]').length, 3));
        check('a command animates them', () => equal(one('.members code').textContent.split(' && ').length, 3));
        one('.members [data-member]').click();
        check('a run of it is pinned', () => that(!one('.pinned').hidden));
        set('[data-control=filter]', 'seed=2,3 lr=1e-3');
        await frames(5);
        check('numbers are of what the filter leaves', () => equal([results(), text(shown()[0], 'runs')], [['1.625 ± 0.177', '2.625 ± 0.177'], '2 of 3']));
        one('.reset').click();
        await frames(5);
        check('and of all again', () => equal(results(), ['1.500 ± 0.250', '1.625 ± 0.177', '2.500 ± 0.250', '2.500 ± 0.250']));
        let copied = '';
        Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (words) => { copied = words; } }, configurable: true });
        one(\".by-config .choose input[value='result:1']\").click();
        check('a column is taken away', () => equal(getComputedStyle(one(\"[data-order='result:1']\").closest('th')).display, 'none'));
        one('.by-config [data-take=csv]').click();
        await frames(3);
        check('the table is copied as it is shown', () => equal(copied.split('\\n').slice(0, 2), ['lr,hidden,runs,D loss,D(x),D(G(z)) after,failed,collapsed', '1e-3,128,3,1.500 ± 0.250,0.6 ± 0.0,0.4 ± 0.0,,']));
        one('.by-config [data-take=latex]').click();
        await frames(3);
        check('for a paper, too', () => that(copied.includes('1.500 $\\\\pm$ 0.250 & 0.6'), copied));
        await frames(20);
        check('the address has the columns', () => that(location.hash.includes('hide-configtable=result%3A1'), location.hash));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 15);
}

#[test]
fn a_ranked_sweep_names_its_best_config_and_ranks_what_the_filter_leaves() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
    let script = "const shown = () => all('.configtable tbody tr').filter((row) => !row.hidden);
        const cells = (kind) => shown().map((row) => row.querySelector(`[data-cell=${kind}]`).textContent);
        await show('.by-config');
        check('the best config is named', () => equal(one('.best .winner strong').textContent, 'lr=1e-3 hidden=128'));
        check('its samples are shown', () => that(all('.examples img').length === 4 && all('.examples img').every((image) => image.naturalWidth > 0)));
        check('configs are in the order of their ranks', () => equal(cells('rank'), ['1', '2', '3', '4']));
        check('means fall', () => that(sorted(cells('mean').map(Number), -1), cells('mean').join()));
        set('[data-control=filter]', 'lr=2e-4 seed<4');
        await frames(5);
        check('ranks, means and counts are of the runs that are left', () => equal([cells('rank'), cells('mean'), cells('count'), cells('p')], [['1', '2'], ['1002', '1001'], ['3 of 6', '3 of 6'], ['', '']]));
        one('.reset').click();
        await frames(5);
        check('p-values come back', () => that(cells('p').slice(1).every((text) => text !== '')));
        check('counts of whole configs are plain', () => equal(cells('count'), ['6', '6', '6', '6']));
        const other = one(\".configtable [data-order='result:1']\").closest('th');
        check('metrics that do not rank are left out at first', () => equal(getComputedStyle(other).display, 'none'));
        check('so that nothing scrolls sideways', () => that(one('.by-config .scroller').scrollWidth <= one('.by-config .scroller').clientWidth));
        check('paper has them', () => that(all('.sweep > style').some((sheet) => sheet.media === 'screen' && sheet.textContent.includes('configtable'))));
        one(\".by-config .choose input[value='result:1']\").click();
        check('a click shows one', () => that(getComputedStyle(other).display !== 'none'));
        one('.leaders .first button').click();
        check('a click on a config pins its runs', () => equal(all('.runtable tr[aria-selected=true]').length, 6));";
    let tools = "const sorted = (values, sign) => values.every((value, place) => place === 0 || sign * (value - values[place - 1]) >= 0);";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let script = with_tools(&format!("{tools}{script}"));
    let flags = ["--window-size=1400,1000"];
    let Some(lines) = lines_with(folder.path(), &script, &flags, &objective) else { return };
    assert_all_ok(&lines, 14);
}

#[test]
fn the_table_of_runs_begins_with_the_best_and_ends_with_those_without_a_value() {
    let folder = tempfile::tempdir().unwrap();
    // The first run fails; D of the last config is never wrong.
    let curve = |spec: &Spec, _: f64| match (spec.lr > 5e-4, spec.width) {
        (true, 256) => [0.01, 9.0, 0.999, 0.001, 0.001, 1.0, 1.0],
        _ => [1.2, 0.8, 0.6, 0.4, 0.4, 1.0, 1.0],
    };
    let outcome = |place| if place == 0 { Outcome::Fails(0.5) } else { Outcome::Completes };
    let speed = |spec: &Spec| 1000.0 + 1e5 * spec.lr + 10.0 * spec.seed as f64;
    Synthetic { outcome, curve, speed, ..Synthetic::default() }.record(folder.path());
    let script = "const runs = () => all('.runtable tbody tr').map((row) => Number(row.dataset.run));
        const heading = one(\"[data-sort='final:0']\").closest('th');
        const atFirst = runs();
        check('the best come first, then what has collapsed, then what has no value', () => equal(runs(), [5, 4, 1, 3, 2, 7, 6, 0]));
        check('the heading says so', () => equal(heading.getAttribute('aria-sort'), 'descending'));
        check('numbers have as many decimals as each other and stand at the right', () => equal(
            [new Set(all('.runtable td.number').map((cell) => getComputedStyle(cell).textAlign)).size, getComputedStyle(one('.runtable td.number')).fontVariantNumeric], [1, 'tabular-nums']));
        heading.querySelector('button').click();
        check('a click turns the order round, and leaves those last', () => equal(runs(), [2, 1, 3, 4, 5, 6, 7, 0]));
        heading.querySelector('button').click();
        check('another click back', () => equal(runs(), atFirst));
        one('.runtable tbody tr').click();
        check('a row pins its own run', () => that(one('.pinned').textContent.includes('lr=1e-3 hidden=128 seed=2'), one('.pinned').textContent));
        one('.runtable .thumb').click();
        check('and its image opens it', () => equal(one('.viewer h2').textContent, 'lr=1e-3 hidden=128 seed=2'));
        one('.viewer .close').click();";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn findings_say_that_the_filter_does_not_reach_them() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
    let script = "const notes = () => all('.of-all').map((note) => note.checkVisibility());
        check('nothing is said without a filter', () => equal(notes(), [false, false]));
        set('[data-control=filter]', 'seed=1');
        check('findings and effects say it', () => equal(notes(), [true, true]));
        one('.reset').click();
        check('and no longer', () => equal(notes(), [false, false]));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 5);
}

#[test]
fn a_long_table_has_the_rows_in_view_and_paper_has_all() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |_| Outcome::Completes;
    let seeds = (1..=102).collect();
    Synthetic { seeds, outcome, points: 1, epochs: 1, side: 1, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.runs');
        const scroller = one('.runs .scroller');
        const rows = () => all('.runtable tbody tr[data-run]');
        const runs = () => rows().map((row) => Number(row.dataset.run));
        const few = () => that(rows().length > 20 && rows().length < 200, `${rows().length}`);
        check('a part of 408 rows is in the page', few);
        check('the first are', () => equal(runs().slice(0, 3), [0, 1, 2]));
        check('readers of the screen are told how many there are', () => equal([one('.runtable').ariaRowCount, rows()[2].ariaRowIndex], ['409', '4']));
        const { scrollHeight } = scroller;
        scroller.scrollTop = scrollHeight;
        await frames(5);
        check('the end comes into view', () => that(runs().at(-1) === 407 && !runs().includes(0), runs().join()));
        check('few rows are there still', few);
        const bottom = scroller.getBoundingClientRect().bottom;
        check('no gap is seen', () => that(Math.abs(rows().at(-1).getBoundingClientRect().bottom - bottom) < 4, `${rows().at(-1).getBoundingClientRect().bottom} ${bottom}`));
        one(\"[data-sort='seed']\").click();
        one(\"[data-sort='seed']\").click();
        scroller.scrollTop = 0;
        await frames(5);
        check('all rows are sorted', () => equal(runs().slice(0, 4), [101, 203, 305, 407]));
        set('[data-control=filter]', 'seed=77');
        await frames(5);
        check('and filtered', () => equal(runs(), [76, 178, 280, 382]));
        one('.reset').click();
        await frames(5);
        rows()[0].focus();
        for (let press = 0; press < 90; press += 1) {
            key(document.activeElement, 'ArrowDown');
            if (press % 10 === 0) await frames(2);
        }
        check('the arrow keys reach every row', () => equal(document.activeElement.ariaRowIndex, '92'));
        let copied = '';
        Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (words) => { copied = words; } }, configurable: true });
        one('.runs [data-take=csv]').click();
        await frames(3);
        check('a copy has all rows', () => equal(copied.trim().split('\\n').length, 409));
        dispatchEvent(new Event('beforeprint'));
        check('paper has all rows', () => equal(rows().length, 408));
        dispatchEvent(new Event('afterprint'));
        check('the screen has few again', few);
        dispatchEvent(new KeyboardEvent('keydown', { key: 'f', ctrlKey: true }));
        check('the browser can search all rows', () => equal(rows().length, 408));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 15);
}

#[test]
fn the_trials_of_a_search_have_a_chart_and_a_table() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { drawn: Some(3), ..Synthetic::ranked() }.record(folder.path());
    let script = "one('.trials').scrollIntoView({ behavior: 'instant' });
        await frames(10);
        const cells = (place) => all('.trialtable tbody tr[data-trial]').map((row) => row.cells[place].textContent.trim());
        check('a row for each trial, in their order', () => equal(cells(0), ['0', '1', '2', '3']));
        check('each says where it comes from', () => equal(cells(3), ['at random', 'at random', 'at random', 'by the model']));
        check('the best so far are marked', () => equal(all('.best-so-far').map((row) => row.dataset.trial), ['0', '2']));
        check('a dot for each', () => equal(all('.dot').map((dot) => dot.classList.contains('model')), [false, false, false, true]));
        const heights = all('.dot').map((dot) => parseFloat(dot.style.top));
        check('the better, the higher', () => that(heights[2] === Math.min(...heights) && heights[1] === Math.max(...heights), heights.join()));
        check('a sentence names the best', () => that(one('.trials .title').textContent.includes('The best is trial 2 with'), one('.trials .title').textContent));
        const link = one('.sections a[href=\"#search\"]');
        check('there is a link to it', () => that(link));
        one('.dot.model').click();
        check('a click on a dot pins its runs', () => equal(all('.runtable [aria-selected=true]').map((row) => row.dataset.run).sort(), ['18', '19', '20', '21', '22', '23']));
        one('.reset').click();
        set('[data-control=filter]', 'lr=1e-3');
        await frames(10);
        check('the filter leaves its trials', () => equal([cells(0).filter((_, place) => !all('.trialtable tr[data-trial]')[place].hidden), all('.dot.off').length], [['2', '3'], 2]));
        check('nothing is wider than the window', () => that(document.documentElement.scrollWidth <= innerWidth));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 12);
}
