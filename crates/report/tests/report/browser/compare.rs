//! Pinned runs beside each other.

use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_of, with_tools};

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
