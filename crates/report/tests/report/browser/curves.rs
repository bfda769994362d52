//! Charts of losses and scores: ranges, bands, markers.

use gansweep_protocol::Metric;

use crate::support::checked::{assert_all_ok, lines_of, with_tools};
use crate::support::{Outcome, Spec, Synthetic};

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
        check('a note names the runs outside', () => that(!note.hidden && note.textContent.includes('lines are outside') && note.title.includes('lr=0.01 hidden=128 seed=1'), note.textContent + note.title));
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
fn many_runs_are_shown_as_medians_with_bands() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |_| Outcome::Completes;
    Synthetic { seeds: (0..10).collect(), outcome, points: 6, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        check('two bands, two medians and two kinds of markers', () => equal(plot.data.length, 6));
        check('bands are filled', () => equal(plot.data.map((trace) => trace.fill ?? ''), ['toself', 'toself', '', '', '', '']));
        check('the page says so', () => that(!one('.lines-note').hidden && one('.lines-note').textContent.includes('the middle half')));
        const drag = plot.querySelector('.nsewdrag');
        const area = drag.getBoundingClientRect();
        const share = (value, [from, to]) => (value - from) / (to - from);
        const { xaxis, yaxis } = plot.layout;
        const { x, y } = plot.data[2];
        drag.dispatchEvent(new MouseEvent('mousemove', { bubbles: true, clientX: area.left + area.width * share(x[60], xaxis.range), clientY: area.bottom - area.height * share(y[60], yaxis.range) }));
        await frames(10);
        check('a tooltip says of how many', () => that(one('.tip').textContent.includes('median of 20 runs') && one('.tip').textContent.includes('the middle half: '), one('.tip').textContent));
        set(\"[data-option=lines][value=means]\", true);
        await frames(20);
        check('means on demand', () => that(plot.data.length === 6 && one('.lines-note').textContent.includes('one standard deviation')));
        set(\"[data-option=lines][value=runs]\", true);
        await frames(20);
        check('single runs on demand', () => that(plot.data.length === 4 && one('.lines-note').hidden));
        set(\"[data-option=lines][value=auto]\", true);
        set('[data-control=filter]', 'seed<2');
        await frames(20);
        check('few runs are single lines', () => equal(plot.data.length, 4));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 9);
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
fn figures_that_are_measured_once_are_dots_by_colour() {
    let folder = tempfile::tempdir().unwrap();
    let figure = |spec: &Spec, metric: Metric| match metric {
        Metric::Fd => 10.0 + 1e4 * spec.lr + spec.seed as f64,
        _ => 0.5,
    };
    let outcome = |_| Outcome::Completes;
    Synthetic { figure: Some(figure), outcome, ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        const chart = one(\".chart[data-metric='fd']\");
        const plot = chart.querySelector('.plot');
        const dots = () => plot.data.find(({ marker }) => marker?.symbol === 'circle');
        const means = () => plot.data.find(({ marker }) => marker?.symbol === 'line-ew');
        const columns = () => dots().x.map(Math.round);
        check('each run has a dot above its colour', () => equal([columns(), dots().y], [[0, 0, 0, 0, 1, 1, 1, 1], [13, 14, 13, 14, 21, 22, 21, 22]]));
        check('no two at one place', () => equal(new Set(dots().x).size, 8));
        check('each colour has its mean', () => equal([means().x, means().y], [[0, 1], [13.5, 21.5]]));
        check('the axis names the colours', () => equal([plot.layout.xaxis.ticktext, plot.layout.xaxis.title.text], [['2e-4', '1e-3'], 'lr']));
        const others = one(\".chart[data-metric='d_loss']\");
        check('it is smaller than a chart of curves', () => that(chart.getBoundingClientRect().height < 0.8 * others.getBoundingClientRect().height));
        check('the page says so', () => that(one('.chartgroup .hint').textContent.includes('a dot is a run')));
        check('no epoch is marked', () => that(chart.querySelector('.epoch-mark').hidden));
        set('[data-control=color]', 'seed');
        await frames(20);
        check('another colouring has other columns', () => equal([columns(), means().y], [[0, 1, 0, 1, 0, 1, 0, 1], [17, 18]]));
        set('[data-control=filter]', 'seed=2 lr=1e-3');
        await frames(20);
        check('the filter leaves its runs', () => equal([dots().y, means().x], [[22, 22], [1]]));
        set('[data-control=filter]', '');
        set('[data-option=lines][value=means]', true);
        await frames(20);
        check('means of curves leave dots as they are', () => equal(dots().x.length, 8));
        set('[data-option=x][value=epoch]', true);
        await frames(20);
        check('so does another x axis', () => equal(columns().length, 8));
        one(\".runtable tr[data-run='3']\").dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
        await frames(5);
        const canvas = plot.querySelector('canvas');
        check('a run can be highlighted', () => that(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)));
        const nearest = one(\".chart[data-metric='nearest'] .plot\");
        await until(() => nearest.data);
        check('equal values are drawn, too', () => that(nearest.data.find(({ marker }) => marker?.symbol === 'circle').y.every((value) => value === 0.5)));
        check('with a range around them', () => that(nearest.layout.yaxis.range[0] < 0.5 && nearest.layout.yaxis.range[1] > 0.5));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 16);
}
