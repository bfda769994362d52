//! Phones, paper, and light and dark pages.

use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_of, with_tools};

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
