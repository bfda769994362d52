//! Sweeps that have nothing, too little, or names that look like markup.

use gansweep_store::Store;

use crate::support::checked::{assert_all_ok, lines_of, with_tools};
use crate::support::{Outcome, Synthetic};

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
    let one_seed = Synthetic {
        rates: vec![6e-4, 7e-4, 8e-4],
        widths: vec![128],
        seeds: vec![3],
        ..Synthetic::default()
    };
    Synthetic { name: "one seed", outcome: |_| Outcome::Fails(0.1), ..one_seed }.record(folder.path());
    let script = "const shown = (selector) => [...document.querySelectorAll(`.sweep:not([hidden]) ${selector}`)];
        for (const tab of document.querySelectorAll('.tabs button')) {
            tab.click();
            for (const section of shown('section')) { section.scrollIntoView({ behavior: 'instant' }); await frames(1); }
            const name = tab.textContent.trim().slice(0, 8);
            check(`${name}: there are findings`, () => that(shown('.best .verdict')[0].textContent.length > 10));
            check(`${name}: nothing is NaN or undefined`, () => that(shown('.forest, .winner').every((part) => !/NaN|undefined|Infinity|inf/.test(part.textContent))));
            check(`${name}: nothing is wider than the page`, () => that(document.documentElement.scrollWidth <= innerWidth));
            check(`${name}: the links are those of its sections`, () => equal(
                all('.sections a:not([hidden])').map((link) => link.hash.slice(1)),
                all('.sections a').map((link) => link.hash.slice(1)).filter((section) => shown(`[data-section='${section}']`).length > 0)));
        }
        const view = (name) => [...document.querySelectorAll('.sweep')].find((sweep) => sweep.querySelector('h1').textContent === name);
        check('of two hundred keys a few are open', () => equal([view('keys').querySelectorAll('.overview > .swept .axis').length, view('keys').querySelector('.further summary').textContent], [12, '190 further keys']));
        check('without a value there are no empty charts', () => that(view('waiting').querySelector('.space').textContent.includes('No run has a value to draw yet') && !view('waiting').querySelector('.explore')));
        check('one key makes no heat map', () => equal([view('one seed'), view('keys')].map((sweep) => getComputedStyle(sweep.querySelector('.heat')).display === 'none'), [true, false]));
        check('the picker of colours is inside of the window', () => that(one('[data-theme-picker]').getBoundingClientRect().right <= innerWidth));
        const tabs = one('.tabs');
        check('a list stands in for tabs that do not fit', () => that(tabs.hidden !== one('.sweeps').hidden && tabs.scrollWidth <= tabs.clientWidth));
        set('.sweeps', 0);
        check('and shows the sweep that is chosen', () => equal(one('.sweep:not([hidden]) h1').textContent, one('.sweeps').options[0].textContent));
        check('five tabs', () => equal(document.querySelectorAll('.tabs button').length, 5));
        check('one sweep is shown', () => equal([...document.querySelectorAll('.sweep')].filter((sweep) => !sweep.hidden).length, 1));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 30);
}

#[test]
fn an_empty_database_loads_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap();
    let script = "check('it says so', () => that(document.body.textContent.includes('No sweeps yet')));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 3);
}
