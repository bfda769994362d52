//! Pinned runs beside each other.

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_of, lines_with, with_tools};

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
        check('which say what they show', () => equal(
            all('.crop img').map((image) => image.alt), [0, 2].map((run) => `Samples of ${sweeps[0].runs[run].label} after epoch ${sweeps[0].samples.epochs.at(-1)}`)));
        set('[data-control=compare-cell]', 4);
        const transform = one('.crop img').style.transform;
        check('one image of a grid fills the place', () => equal(transform, 'scale(2) translate(-50%, -50%)'));
        check('the page says what a test of them is worth', () => that(one('.compare .test').textContent.includes('2 seeds') || one('.compare .test').textContent.includes('1 seed'), one('.compare .test').textContent));
        one('[data-compare=only]').click();
        await frames(3);
        check('the page can be narrowed to them', () => equal(one('.matches').textContent, '2 of 8 runs'));
        check('all that are pinned are there', () => that(one('.compare .some').hidden));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 11);
}

#[test]
fn p_values_of_pinned_configs_are_those_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
    let script = "await show('.runs');
        for (const run of [0, 6, 12, 18]) one(`.runtable tr[data-run='${run}']`).click();
        const column = (table, cell) => all(`${table} tbody tr`).map((row) => row.querySelector(`[data-cell=${cell}]`).textContent);
        check('a pin shows the value that ranks', () => that(one('.pin .scores').textContent.startsWith('images/s '), one('.pin .scores').textContent));
        check('all configs are tested', () => equal(all('.tested tbody tr').length, 4));
        check('the best is first', () => equal(all('.tested tbody th').map((name) => name.textContent), all('.configtable tbody tr').map((row) => sweeps[0].configuration.configs[row.dataset.config].label)));
        check('p-values are equal', () => that(column('.tested', 'p').join() === column('.configtable', 'p').join() && column('.tested', 'p').filter(Boolean).length === 3, column('.tested', 'p').join()));
        check('so are differences', () => equal(
            all('.tested tbody tr').slice(1).map((row) => Number(row.cells[3].textContent.split(' ')[0])),
            column('.configtable', 'difference').slice(1).map(Number)));
        one(\".runtable tr[data-run='0']\").click();
        one(\".runtable tr[data-run='6']\").click();
        check('fewer configs are corrected for less', () => equal(all('.tested tbody tr').length, 2));
        one(\".runtable tr[data-run='18']\").click();
        one(\".runtable tr[data-run='13']\").click();
        check('seeds of one config are noise', () => that(one('.compare .test').textContent.includes('noise between seeds')));
        for (const row of all('.runtable tbody tr[aria-selected=false]')) row.click();
        check('of many pinned runs the first ones are shown, which is said', () => equal(
            [all('.compared thead th').length, one('.compare .some').textContent], [12, 'These are the first 12 of 24 pinned runs.']));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &[], &objective) else { return };
    assert_all_ok(&lines, 10);
}
