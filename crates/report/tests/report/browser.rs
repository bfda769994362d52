//! The page in a real browser: every control does what it says, and nothing is requested.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gansweep_protocol::Metric;
use gansweep_report::{ReportOptions, build, render};
use gansweep_store::{Reader, Store};

use crate::support::{Outcome, Spec, Synthetic};

/// Notes faults from the page's first moment on.
pub(crate) const WATCH: &str = "<script>window.faults = [];
addEventListener('error', (event) => faults.push(String(event.message)));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
addEventListener('securitypolicyviolation', (event) => faults.push('forbidden: ' + event.blockedURI));
console.error = (...words) => faults.push(words.join(' '));</script>";

/// Uses the page and writes a line per check on its console.
const CHECKS: &str = include_str!("checks.js");

#[test]
fn every_control_of_the_page_works_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let Some(lines) = lines_of(folder.path(), CHECKS, &[]) else { return };
    assert_all_ok(&lines, 20);
}

#[test]
fn unusual_sweeps_load_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let lone = Synthetic { rates: vec![2e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    let hostile = "</script><script>alert(1)</script>";
    let diverged = |_| Outcome::Diverges(0.4);
    Synthetic { name: "lone", ..lone }.record(folder.path());
    Synthetic { name: "waiting", rates: vec![3e-4], outcome: |_| Outcome::Waits, ..Synthetic::default() }
        .record(folder.path());
    Synthetic { name: hostile, rates: vec![4e-4], outcome: diverged, ..Synthetic::default() }
        .record(folder.path());
    let keys =
        Synthetic { rates: vec![5e-4], further_keys: 200, seeds: (1..=12).collect(), ..Synthetic::default() };
    Synthetic { name: "keys", points: 2, epochs: 1, ..keys }.record(folder.path());
    let one_seed = Synthetic { rates: vec![6e-4, 7e-4, 8e-4], seeds: vec![3], ..Synthetic::default() };
    Synthetic { name: "one seed", outcome: |_| Outcome::Fails(0.1), ..one_seed }.record(folder.path());
    let script = "const shown = (selector) => [...document.querySelectorAll(`.sweep:not([hidden]) ${selector}`)];
        for (const tab of document.querySelectorAll('.tabs button')) {
            tab.click();
            for (const section of shown('section')) { section.scrollIntoView({ behavior: 'instant' }); await frames(1); }
            const name = tab.textContent.trim().slice(0, 8);
            check(`${name}: there are findings`, () => that(shown('.best .verdict')[0].textContent.length > 10));
            check(`${name}: nothing is NaN or undefined`, () => that(shown('.forest, .winner').every((part) => !/NaN|undefined|Infinity|inf/.test(part.textContent))));
            check(`${name}: nothing is wider than the page`, () => that(document.documentElement.scrollWidth <= innerWidth));
        }
        check('five tabs', () => equal(document.querySelectorAll('.tabs button').length, 5));
        check('one sweep is shown', () => equal([...document.querySelectorAll('.sweep')].filter((sweep) => !sweep.hidden).length, 1));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 19);
}

#[test]
fn averages_are_shown_beside_weights_and_either_alone() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic { averaged: true, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.samples');
        const source = (place) => one(`.sample[data-run='${place}'] img`).getAttribute('src');
        const [averaged, plain] = [source(0), source(4)];
        check('the gallery shows the average', () => equal(averaged, grid('ema-0-0').at(-1)));
        set('.samples [data-control=averaged]', false);
        await frames(3);
        check('and the weights', () => equal([source(0), source(4)], [grid('raw-0-0').at(-1), plain]));
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
    assert_all_ok(&lines, 11);
}

#[test]
fn single_points_are_shown_as_markers() {
    let folder = tempfile::tempdir().unwrap();
    // One point of each run, at its end; and a curve with gaps around one point.
    let lone = Synthetic { rates: vec![2e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    Synthetic { name: "one point", epochs: 1, points: 1, ..lone }.record(folder.path());
    let gaps = |_: &Spec, share: f64| match (share * 12.0).round() as u32 {
        3 | 4 | 9 => [1.0; 7],
        _ => [f64::NAN; 7],
    };
    let lone = Synthetic { rates: vec![3e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    Synthetic { name: "gaps", curve: gaps, epochs: 1, points: 12, ..lone }.record(folder.path());
    let script = "const tabs = all('.tabs button');
        for (const name of ['gaps', 'one point']) {
            tabs.find((tab) => tab.textContent.trim() === name).click();
            await show('.sweep:not([hidden]) .curves');
            const plot = one('.sweep:not([hidden]) .chart .plot');
            const markers = plot.data.at(-2);
            check(`${name}: one marker`, () => equal([markers.mode, markers.x.length], ['markers', 1]));
            check(`${name}: it is finite`, () => that(Number.isFinite(markers.y[0]) && Number.isFinite(markers.x[0])));
            check(`${name}: it is drawn`, () => equal(plot.querySelectorAll('.scatterlayer .points path').length, 1));
            check(`${name}: it is inside of the ranges`, () => that(
                plot.layout.xaxis.range[0] < markers.x[0] && markers.x[0] < plot.layout.xaxis.range[1] &&
                plot.layout.yaxis.range[0] < markers.y[0] && markers.y[0] < plot.layout.yaxis.range[1]));
            const legend = one('.sweep:not([hidden]) .legend button');
            legend.dispatchEvent(new PointerEvent('pointerenter'));
            await frames(5);
            const canvas = plot.querySelector('canvas');
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            check(`${name}: it can be highlighted`, () => that(pixels.some((value) => value > 0)));
        }";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 12);
}

#[test]
fn an_empty_database_loads_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap();
    let script = "check('it says so', () => that(document.body.textContent.includes('No sweeps yet')));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 3);
}

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
fn a_few_wild_runs_do_not_flatten_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let curve = |spec: &Spec, share: f64| {
        let loss = if spec.lr > 5e-3 { 50.0 * share } else { 1.0 + 0.4 * share };
        [loss, 0.8, 0.6, 0.4, 0.4, 1.0, 1.0]
    };
    let rates = vec![1e-4, 2e-4, 4e-4, 1e-2];
    let outcome = |_| Outcome::Completes;
    Synthetic { rates, outcome, curve, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        const note = one('.chart .clipped');
        check('the range follows the majority', () => that(plot.layout.yaxis.range[1] < 2.5, plot.layout.yaxis.range.join()));
        check('a note names the runs outside', () => that(!note.hidden && note.textContent.includes('lr=1e-2 hidden=128 seed=1'), note.textContent));
        note.click();
        await frames(5);
        check('a click shows them', () => that(plot.layout.yaxis.range[1] > 50));
        note.click();
        await frames(5);
        check('another leaves them out', () => that(plot.layout.yaxis.range[1] < 2.5));
        for (const smoothing of [0.5, 0.9, 0.98]) {
            set('[data-control=smooth]', smoothing);
            await frames(20);
            check(`smoothing of ${smoothing} keeps the range`, () => that(plot.layout.yaxis.range[1] < 2.5 && plot.layout.yaxis.range[0] > -0.5));
        }";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn many_runs_are_shown_as_means_with_bands() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |_| Outcome::Completes;
    Synthetic { seeds: (0..10).collect(), outcome, points: 6, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        check('two bands, two means and two kinds of markers', () => equal(plot.data.length, 6));
        check('bands are filled', () => equal(plot.data.map((trace) => trace.fill ?? ''), ['toself', 'toself', '', '', '', '']));
        check('the page says so', () => that(!one('.lines-note').hidden));
        set(\"[data-option=lines][value=runs]\", true);
        await frames(20);
        check('single runs on demand', () => that(plot.data.length === 4 && one('.lines-note').hidden));
        set(\"[data-option=lines][value=auto]\", true);
        set('[data-control=filter]', 'seed<2');
        await frames(20);
        check('few runs are single lines', () => equal(plot.data.length, 4));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 7);
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
        check('means are over the runs that did not fail', () => equal(results(), ['1.625 ± 0.18', '2.5 ± 0.25', '1.5 ± 0.25', '2.5 ± 0.25']));
        check('failures are counted', () => equal(shown().map((row) => text(row, 'failures')), ['1', '', '', '']));
        check('a loss ranks nothing', () => that(!one('[data-order=rank]') && one('.best').classList.contains('not_ranked')));
        one(\"[data-order='result:0']\").click();
        check('a click sorts configs', () => equal(results(), ['1.5 ± 0.25', '1.625 ± 0.18', '2.5 ± 0.25', '2.5 ± 0.25']));
        one('.configtable .expand').click();
        check('a config opens to its runs', () => equal(all('.members button').length, 3));
        one('.members button').click();
        check('a run of it is pinned', () => that(!one('.pinned').hidden));
        set('[data-control=filter]', 'seed=2,3 lr=1e-3');
        await frames(5);
        check('numbers are of what the filter leaves', () => equal([results(), text(shown()[0], 'runs')], [['1.625 ± 0.18', '2.625 ± 0.18'], '2 of 3']));
        one('.reset').click();
        await frames(5);
        check('and of all again', () => equal(results(), ['1.5 ± 0.25', '1.625 ± 0.18', '2.5 ± 0.25', '2.5 ± 0.25']));
        let copied = '';
        Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (words) => { copied = words; } }, configurable: true });
        one(\".by-config .choose input[value='result:1']\").click();
        check('a column is taken away', () => equal(getComputedStyle(one(\"[data-order='result:1']\").closest('th')).display, 'none'));
        one('.by-config [data-take=csv]').click();
        await frames(3);
        check('the table is copied as it is shown', () => equal(copied.split('\\n').slice(0, 2), ['lr,hidden,runs,D loss,D(x),D(G(z)) after,failed,collapsed', '1e-3,128,3,1.5 ± 0.25,0.6 ± 0,0.4 ± 0,,']));
        one('.by-config [data-take=latex]').click();
        await frames(3);
        check('for a paper, too', () => that(copied.includes('1.5 $\\\\pm$ 0.25 & 0.6'), copied));
        await frames(20);
        check('the address has the columns', () => that(location.hash.includes('hide-configtable=result%3A1'), location.hash));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 14);
}

#[test]
fn a_ranked_sweep_names_its_best_config_and_ranks_what_the_filter_leaves() {
    let folder = tempfile::tempdir().unwrap();
    ranked().record(folder.path());
    let script = "const shown = () => all('.configtable tbody tr').filter((row) => !row.hidden);
        const cells = (kind) => shown().map((row) => row.querySelector(`[data-cell=${kind}]`).textContent);
        await show('.by-config');
        check('the best config is named', () => equal(one('.best .winner strong').textContent, 'lr=1e-3 hidden=128'));
        check('its samples are shown', () => that(all('.examples img').length === 4 && all('.examples img').every((image) => image.naturalWidth > 0)));
        check('configs are in the order of their ranks', () => equal(cells('rank'), ['1', '2', '3', '4']));
        check('means fall', () => that(sorted(cells('mean').map(Number), -1), cells('mean').join()));
        set('[data-control=filter]', 'lr=2e-4 seed<4');
        await frames(5);
        check('ranks, means and counts are of the runs that are left', () => equal([cells('rank'), cells('mean'), cells('count'), cells('p')], [['1', '2'], ['1002', '1001'], ['3', '3'], ['', '']]));
        one('.reset').click();
        await frames(5);
        check('p-values come back', () => that(cells('p').slice(1).every((text) => text !== '')));
        one('.leaders .first button').click();
        check('a click on a config pins its runs', () => equal(all('.runtable tr[aria-selected=true]').length, 6));";
    let tools = "const sorted = (values, sign) => values.every((value, place) => place === 0 || sign * (value - values[place - 1]) >= 0);";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let script = with_tools(&format!("{tools}{script}"));
    let Some(lines) = lines_with(folder.path(), &script, &[], &objective) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn the_charts_of_the_space_follow_the_filter_and_a_brush_filters_the_page() {
    let folder = tempfile::tempdir().unwrap();
    ranked().record(folder.path());
    let script = "await show('.space');
        // What is drawn above it meanwhile may push it out of view.
        await until(() => {
            one('.space').scrollIntoView({ behavior: 'instant' });
            return one('.scatterplot').data;
        });
        check('the key that matters is first', () => equal(all('.effects h4').map((title) => title.textContent), ['lr', 'hidden']));
        check('its effects are apart from 0', () => equal(all('.effects .card:first-child li').map((level) => level.classList.contains('apart')), [true, true]));
        const cells = () => all('.heatmap td button').map((cell) => cell.textContent);
        check('the heat map has the mean of each cell', () => equal(cells(), ['1002', '1502', '1001', '1501']));
        check('the brightest cell is the best', () => that(one('.heatmap td:nth-child(3) button').style.background !== one('.heatmap td:nth-child(2) button').style.background));
        const points = () => one('.scatterplot').data.reduce((sum, trace) => sum + trace.x.length, 0);
        check('the scatter has a point per run', () => equal(points(), 24));
        set('[data-control=scatter-x]', 'seed');
        await frames(10);
        check('anything is drawn against anything', () => equal([...new Set(one('.scatterplot').data.flatMap(({ x }) => x))].sort(), [1, 2, 3, 4, 5, 6]));
        const area = one('.parallel canvas');
        area.scrollIntoView({ behavior: 'instant', block: 'center' });
        await frames(10);
        const { left, top, height } = area.getBoundingClientRect();
        const pointer = (kind, x, y) => area.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, clientX: left + x, clientY: top + y }));
        pointer('pointerdown', 44, 30);
        pointer('pointermove', 44, 60);
        pointer('pointerup', 44, 60);
        await frames(20);
        check('a brush is words of the filter', () => equal(one('[data-control=filter]').value, 'lr=1e-3'));
        check('it filters the page', () => equal([one('.matches').textContent, points(), all('.runtable tbody tr:not(.off)').length], ['12 of 24 runs', 12, 12]));
        check('and the heat map', () => equal(cells(), ['1502', '1501']));
        check('the address has it', () => equal(new URLSearchParams(location.hash.slice(1)).get('filter'), 'lr=1e-3'));
        check('it can be cleared', () => that(!one('.unbrush').hidden));
        one('.unbrush').click();
        await frames(20);
        check('and is', () => equal([one('[data-control=filter]').value, one('.unbrush').hidden, points()], ['', true, 24]));
        one('.heatmap td button').click();
        check('a click on a cell pins its runs', () => equal(all('.runtable tr[aria-selected=true]').length, 6));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 15);
}

#[test]
fn findings_and_tables_need_no_script() {
    let folder = tempfile::tempdir().unwrap();
    ranked().record(folder.path());
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let reader = Reader::open(folder.path()).unwrap();
    let page = render(&build(&reader, &objective).unwrap(), &reader).unwrap();
    let script = "const frame = one('iframe');
        frame.srcdoc = JSON.parse(one('#page').textContent);
        await new Promise((done) => frame.addEventListener('load', done, { once: true }));
        const { contentDocument: inside } = frame;
        const isShown = (selector) => [...inside.querySelectorAll(selector)].filter((element) => element.getBoundingClientRect().height > 0);
        check('no script runs', () => that(inside.querySelector('.plot').childElementCount === 0));
        check('the verdict', () => that(inside.body.innerText.includes('lr=1e-3 hidden=128 is best: all others are worse')));
        check('what matters', () => that(inside.body.innerText.includes('What explains images/s') && isShown('.shares .fill').length > 0));
        check('samples of the best config', () => that(isShown('.examples img').every((image) => image.naturalWidth > 0) && isShown('.examples img').length === 4));
        check('configs and runs', () => equal([isShown('.configtable tbody tr').length, isShown('.runtable tbody tr').length], [4, 24]));
        check('the last samples of every run', () => equal(isShown('.last img').filter((image) => image.naturalWidth > 0).length, 24));
        check('the reader is told what is missing', () => that(inside.body.innerText.includes('need JavaScript')));";
    let page = serde_json::to_string(&page).unwrap().replace('<', "\\u003c");
    let checks = with_tools(script);
    let html = format!(
        "<!doctype html>{WATCH}<script type=\"application/json\" id=\"report-data\">{{\"sweeps\":[]}}</script>\
         <script type=\"application/json\" id=\"page\">{page}</script>\
         <iframe sandbox=\"allow-same-origin\" width=\"1200\" height=\"900\"></iframe>\
         <script type=\"module\">{checks}</script>"
    );
    let path = folder.path().join("without.html");
    fs::write(&path, html).unwrap();
    let Some(browser) = browser() else { return };
    let url = format!("file://{}", path.display());
    assert_all_ok(&console_of(&browser, folder.path(), &url, &[]), 9);
}

/// A sweep in which the learning rate decides, with six seeds.
fn ranked() -> Synthetic {
    let speed = |spec: &Spec| {
        let by_rate = if spec.lr > 5e-4 { 500.0 } else { 0.0 };
        1000.0 + by_rate + if spec.width > 128 { 0.0 } else { 1.0 } + (spec.seed * 7 % 5) as f64 / 4.0
    };
    let outcome = |_| Outcome::Completes;
    Synthetic { seeds: (1..=6).collect(), outcome, speed, ..Synthetic::default() }
}

#[test]
fn losses_of_several_definitions_are_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let lone = || Synthetic { rates: vec![2e-4], widths: vec![128], ..Synthetic::default() };
    Synthetic { combine: |seed| if seed == 1 { "sum" } else { "mean" }, ..lone() }.record(folder.path());
    let script = "check('both losses say so', () => equal(all('.incomparable').map((note) => note.textContent.includes('differ in loss.combine')), [true, true]));
        check('they have no common reference', () => equal(all('.chartgroup')[0].querySelectorAll('.reference').length, 1));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 4);
}

#[test]
fn a_phone_shows_a_metric_and_scrolls_under_a_finger() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        check('a finger does not zoom', () => equal(plot.layout.dragmode, false));
        const finger = (name, places) => {
            const touches = places.map(([clientX, clientY], identifier) => new Touch({ identifier, target: plot, clientX, clientY }));
            const event = new TouchEvent(name, { touches, targetTouches: touches, changedTouches: touches, bubbles: true, cancelable: true });
            (plot.querySelector('.nsewdrag') ?? plot).dispatchEvent(event);
            return event;
        };
        const { left, top } = plot.getBoundingClientRect();
        const whole = [...plot.layout.xaxis.range];
        finger('touchstart', [[left + 100, top + 80]]);
        check('one finger is left to the page', () => that(!finger('touchmove', [[left + 180, top + 80]]).defaultPrevented));
        finger('touchend', []);
        await frames(5);
        check('and changes no range', () => equal(plot.layout.xaxis.range, whole));
        // Later than a second tap would be.
        await new Promise((done) => setTimeout(done, 600));
        finger('touchstart', [[left + 120, top + 80], [left + 180, top + 80]]);
        check('two fingers are not', () => that(finger('touchmove', [[left + 90, top + 80], [left + 240, top + 80]]).defaultPrevented));
        finger('touchend', []);
        await frames(10);
        const width = ([from, to]) => to - from;
        check('they zoom', () => that(width(plot.layout.xaxis.range) < 0.6 * width(whole), plot.layout.xaxis.range.join()));
        one('.runs').scrollIntoView({ behavior: 'instant' });
        document.documentElement.style.width = '390px';
        const metric = one(\"[data-sort='final:0']\").getBoundingClientRect();
        check('the table shows a metric', () => that(metric.width > 0 && metric.right <= 390, `${metric.right}`));
        check('nothing is wider than the page', () => that(document.documentElement.scrollWidth <= innerWidth));";
    let flags = [
        "--window-size=390,844",
        "--touch-events=enabled",
        "--blink-settings=availablePointerTypes=2,primaryPointerType=2",
    ];
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &flags) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn paper_is_light_and_has_every_column() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        const dark = plot.data[0].line.color;
        check('the page is dark', () => that(matchMedia('(prefers-color-scheme: dark)').matches));
        dispatchEvent(new Event('beforeprint'));
        const light = plot.data[0].line.color;
        check('charts are drawn anew for paper', () => that(light !== dark && ['#0072b2', '#d55e00'].includes(light), `${dark} ${light}`));
        check('so are their letters', () => equal(plot.layout.font.color, '#14171c'));
        dispatchEvent(new Event('afterprint'));
        check('and are dark again after it', () => equal(plot.data[0].line.color, dark));";
    let Some(lines) =
        lines_of(folder.path(), &with_tools(script), &["--blink-settings=preferredColorScheme=0"])
    else {
        return;
    };
    assert_all_ok(&lines, 6);
}

#[test]
fn a_copied_address_shows_the_same() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "if (!sessionStorage.getItem('second')) {
            sessionStorage.setItem('second', 'yes');
            location.hash = `#filter=seed%3D1&color=state&epoch=1&x=epoch&smooth=0.5&sort=-axis%3A0&without=diverged&pins=${sweeps[0].runs[0].id.slice(0, 12)}&unknown=1`;
            location.reload();
            await new Promise(() => {});
        }
        await show('.curves');
        check('filter and states', () => equal([one('[data-control=filter]').value, one('.matches').textContent], ['seed=1', '3 of 8 runs']));
        check('colour', () => equal(one('[data-control=color]').value, 'state'));
        check('epoch', () => equal(one('.bar .timeline output').textContent, '1'));
        check('axis and smoothing', () => equal([one('[data-option=x]:checked').value, one('[data-control=smooth]').value], ['epoch', '0.5']));
        check('order', () => equal(one(\"[data-sort='axis:0']\").closest('th').getAttribute('aria-sort'), 'descending'));
        check('pins', () => that(!one('.pinned').hidden && one('.pinned').textContent.includes('lr=2e-4 hidden=128 seed=1')));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 8);
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
fn pinned_runs_stand_beside_each_other_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.runs');
        check('nothing is compared at first', () => that(one('.compare').hidden));
        one(\".runtable tr[data-run='0']\").click();
        check('nor is one run', () => that(one('.compare').hidden));
        one(\".runtable tr[data-run='2']\").click();
        const names = () => all('.compared tbody th').map((heading) => heading.textContent);
        check('two runs are, with the keys that differ alone', () => that(
            !one('.compare').hidden && names()[1].includes('hidden') && !names().some((name) => name.includes('lr')), names().join()));
        check('both have their images', () => equal(
            all('.crop img').map((image) => image.getAttribute('src')),
            [0, 2].map((run) => `data:image/png;base64,${/base64,([^\"]*)\"/.exec(one(`#last-raw-0-${run}`).textContent)[1]}`)));
        set('[data-control=compare-cell]', 4);
        const transform = one('.crop img').style.transform;
        check('one image of a grid fills the place', () => equal(transform, 'scale(2) translate(-50%, -50%)'));
        check('the page says how to test', () => that(one('.compare .test').textContent.includes('gansweep compare lr')));
        one('[data-compare=only]').click();
        await frames(3);
        check('the page can be narrowed to them', () => equal(one('.matches').textContent, '2 of 8 runs'));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 9);
}

#[test]
fn the_page_is_light_or_dark_as_the_reader_chooses() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        const page = () => getComputedStyle(document.body).backgroundColor;
        const [light, line] = [page(), plot.data[0].line.color];
        set('[data-theme-picker]', 'dark');
        await frames(20);
        check('the page is dark', () => that(page() === 'rgb(14, 16, 20)' && page() !== light, page()));
        check('charts follow', () => that(plot.data[0].line.color !== line && plot.layout.font.color === '#eceef2'));
        dispatchEvent(new Event('beforeprint'));
        check('paper is light all the same', () => equal(plot.data[0].line.color, line));
        dispatchEvent(new Event('afterprint'));
        check('and the page dark after it', () => equal(document.documentElement.dataset.theme, 'dark'));
        set('[data-theme-picker]', '');
        await frames(20);
        check('the system decides again', () => equal([page(), plot.data[0].line.color], [light, line]));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 7);
}

pub(crate) fn assert_all_ok(lines: &[String], at_least: usize) {
    let bad: Vec<&String> = lines.iter().filter(|line| !line.ends_with(": ok")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(lines.len() >= at_least, "only {} checks ran: {lines:#?}", lines.len());
}

/// What separates the tools, the checks and the closing checks of [`CHECKS`].
const MARKER: &str = "// --- checks ---";

/// The tools and the closing checks around other checks.
fn with_tools(script: &str) -> String {
    let (_, closing) = CHECKS.rsplit_once(MARKER).unwrap();
    format!("{}{script}{closing}", tools())
}

/// The functions that checks use.
pub(crate) fn tools() -> &'static str {
    CHECKS.split_once(MARKER).unwrap().0
}

/// What the checks said of the folder's page; `None` where there is no browser.
fn lines_of(folder: &Path, checks: &str, flags: &[&str]) -> Option<Vec<String>> {
    lines_with(folder, checks, flags, &ReportOptions::default())
}

/// As [`lines_of`], of a page with other options.
fn lines_with(folder: &Path, checks: &str, flags: &[&str], options: &ReportOptions) -> Option<Vec<String>> {
    let browser = browser()?;
    let reader = Reader::open(folder).unwrap();
    let page = render(&build(&reader, options).unwrap(), &reader).unwrap();
    let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
    let end = page.rfind("</body>").unwrap();
    let page = format!("{}<script type=\"module\">{checks}</script>{}", &page[..end], &page[end..]);
    let path = folder.join("checked.html");
    fs::write(&path, page).unwrap();
    Some(console_of(&browser, folder, &format!("file://{}", path.display()), flags))
}

/// The first of Chromium's names on the path. Its absence is a failure where the tests must be
/// complete, which `CI=true` says.
pub(crate) fn browser() -> Option<PathBuf> {
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        let message =
            "no chromium, chromium-browser or google-chrome on PATH; on Debian: apt-get install chromium";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        eprintln!("skipped: {message}");
    }
    found
}

/// The checks' lines on the page's console, until the one that ends them.
pub(crate) fn console_of(browser: &Path, folder: &Path, url: &str, flags: &[&str]) -> Vec<String> {
    const PATIENCE: Duration = Duration::from_mins(3);
    let mut child = start(browser, folder, url, flags);
    let output = BufReader::new(child.0.stderr.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.filter_map(|line| said(&line)).try_for_each(|line| sender.send(line))
    });
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "end" => return lines,
            Ok(line) => lines.push(line),
            Err(error) => panic!("the checks did not come to their end ({error}); so far: {lines:#?}"),
        }
    }
}

/// A browser that ends with its test, however that ends.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens the page without a window. The debugging port is not used, but keeps the browser from
/// ending as soon as the page has loaded.
fn start(browser: &Path, folder: &Path, url: &str, flags: &[&str]) -> Browser {
    let child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--window-size=1440,1000", "--remote-debugging-port=0"])
        .arg("--enable-logging=stderr")
        // Of flags that stand twice, the last counts.
        .args(flags)
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    Browser(child.unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display())))
}

/// What a line of the browser's log says if it is one of the checks'.
fn said(line: &str) -> Option<String> {
    let (_, said) = line.split_once("\"checks> ")?;
    let (said, _) = said.rsplit_once("\", source: ")?;
    Some(said.to_owned())
}
