//! axe-core finds nothing on the page: in each of its states, on a desktop and a phone, light and dark.

use std::fs;

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::npm;
use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_with, with_tools};

/// Brings the page into its states and has axe look at each.
const STATES: &str = "
const find = async (name) => {
    await frames(10);
    const { violations } = await axe.run(document, { preload: false });
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 4).map(({ target, any }) => `${target.join(' ')} ${any[0]?.message ?? ''}`).join(' | ')}`);
    check(name, () => equal(found, []));
};
for (const section of all('.sweep:not([hidden]) section')) { section.scrollIntoView({ behavior: 'instant' }); await frames(3); }
await show('.curves');
await find('the page as it opens');
one(\".runtable tr[data-run='0']\").click();
one(\".runtable tr[data-run='3']\").click();
one('.by-config .expand').click();
one('.by-config .choose summary').click();
set('[data-control=filter]', 'lrr=1');
await find('pins, a comparison, an open config, a menu, a filter that means nothing');
set('[data-control=filter]', '');
one(\".sample[data-run='0'] button\").click();
await find('the viewer');
one('.viewer .close').click();
all('.tabs button')[1].click();
for (const section of all('.sweep:not([hidden]) section')) { section.scrollIntoView({ behavior: 'instant' }); await frames(3); }
await find('another sweep');
";

fn look(flags: &[&str]) {
    let Some(modules) = npm::modules() else { return };
    let folder = tempfile::tempdir().unwrap();
    Synthetic { name: "second", averaged: true, rates: vec![4e-4, 5e-4], ..Synthetic::default() }
        .record(folder.path());
    Synthetic { points: 6, ..Synthetic::ranked() }.record(folder.path());
    let axe = fs::read_to_string(modules.join("axe-core/axe.min.js")).unwrap();
    let axe = serde_json::to_string(&axe).unwrap().replace('<', "\\u003c");
    let script = format!(
        "const script = document.createElement('script'); script.textContent = {axe}; document.head.append(script);{STATES}"
    );
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let Some(lines) = lines_with(folder.path(), &with_tools(&script), flags, &objective) else { return };
    assert_all_ok(&lines, 6);
}

const DARK: &str = "--blink-settings=preferredColorScheme=0";
const PHONE: &str = "--window-size=390,844";

#[test]
fn nothing_is_found_on_a_light_desktop() {
    look(&[]);
}

#[test]
fn nothing_is_found_on_a_dark_desktop() {
    look(&[DARK]);
}

#[test]
fn nothing_is_found_on_a_light_phone() {
    look(&[PHONE]);
}

#[test]
fn nothing_is_found_on_a_dark_phone() {
    look(&[PHONE, DARK]);
}
