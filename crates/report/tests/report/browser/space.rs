//! The charts of the swept keys.

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_with, with_tools};

#[test]
fn the_charts_of_the_space_follow_the_filter_and_a_brush_filters_the_page() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
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
