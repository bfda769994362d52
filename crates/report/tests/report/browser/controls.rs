//! Every control does what it says, and a copied address shows the same.

use crate::support::Synthetic;
use crate::support::checked::{CHECKS, assert_all_ok, lines_of, with_tools};

#[test]
fn every_control_of_the_page_works_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let Some(lines) = lines_of(folder.path(), CHECKS, &[]) else { return };
    assert_all_ok(&lines, 20);
}

#[test]
fn every_control_works_on_a_dark_phone_too() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let flags = ["--window-size=390,844", "--blink-settings=preferredColorScheme=0"];
    let Some(lines) = lines_of(folder.path(), CHECKS, &flags) else { return };
    assert_all_ok(&lines, 20);
}

#[test]
fn a_copied_address_shows_the_same() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "if (!sessionStorage.getItem('second')) {
            sessionStorage.setItem('second', 'yes');
            location.hash = `#filter=seed%3D1&color=state&epoch=1&x=epoch&smooth=0.5&sort=-axis%3A0&order=-result%3A0&without=diverged&pins=${sweeps[0].runs[0].id.slice(0, 12)}&unknown=1`;
            location.reload();
            await new Promise(() => {});
        }
        await show('.curves');
        check('filter and states', () => equal([one('[data-control=filter]').value, one('.matches').textContent], ['seed=1', '3 of 8 runs']));
        check('colour', () => equal(one('[data-control=color]').value, 'state'));
        check('epoch', () => equal(one('.bar .timeline output').textContent, '1'));
        check('axis and smoothing', () => equal([one('[data-option=x]:checked').value, one('[data-control=smooth]').value], ['epoch', '0.5']));
        check('order', () => equal(one(\"[data-sort='axis:0']\").closest('th').getAttribute('aria-sort'), 'descending'));
        check('order of the configs', () => equal(one(\"[data-order='result:0']\").closest('th').getAttribute('aria-sort'), 'descending'));
        await frames(15);
        check('the address keeps it', () => equal(new URLSearchParams(location.hash.slice(1)).get('order'), '-result:0'));
        check('pins', () => that(!one('.pinned').hidden && one('.pinned').textContent.includes('lr=2e-4 hidden=128 seed=1')));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 10);
}

#[test]
fn escape_unpins_the_runs_of_the_sweep_that_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    Synthetic { name: "second", rates: vec![4e-4], ..Synthetic::default() }.record(folder.path());
    let script = "const pins = () => all('.sweep').map((sweep) => sweep.querySelectorAll('.pin').length);
        one(\".sweep:not([hidden]) .runtable tr[data-run='0']\").click();
        all('.tabs button')[1].click();
        one(\".sweep:not([hidden]) .runtable tr[data-run='1']\").click();
        check('each sweep has a pin', () => equal(pins(), [1, 1]));
        key(document.body, 'Escape');
        check('that of the hidden sweep stays', () => equal(pins(), [1, 0]));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 4);
}
