//! Phones, paper, and light and dark pages.

use gansweep_protocol::Metric;
use gansweep_report::ReportOptions;

use crate::support::Synthetic;
use crate::support::checked::{assert_all_ok, lines_of, lines_with, with_tools};

#[test]
fn a_phone_shows_a_metric_and_scrolls_under_a_finger() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let script = "await show('.curves');
        const plot = one('.chart .plot');
        const colors = one('.bar [data-control=color]').getBoundingClientRect();
        check('colours can be chosen', () => that(colors.width > 60 && colors.right <= innerWidth && colors.top < 220, JSON.stringify(colors)));
        check('the bar leaves room', () => that(one('.bar').offsetHeight < 120, `${one('.bar').offsetHeight}`));
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
    assert_all_ok(&lines, 11);
}

#[test]
fn a_searched_and_pruned_sweep_fits_a_phone() {
    let folder = tempfile::tempdir().unwrap();
    // Keys that make no matrix, as in a random search.
    let keys = Synthetic {
        further_keys: 5,
        rates: (1..=14).map(|rate| f64::from(rate) * 1e-4).collect(),
        ..Synthetic::ranked()
    };
    Synthetic { drawn: Some(3), pruned: true, best: Some(2), seeds: vec![1, 2], ..keys }
        .record(folder.path());
    let script = "document.documentElement.style.width = '390px';
        dispatchEvent(new Event('resize'));
        const clipped = (element) => element && element !== document.body && (getComputedStyle(element).overflowX !== 'visible' || clipped(element.parentElement));
        for (const section of all('section')) { section.scrollIntoView({ behavior: 'instant' }); await frames(3); }
        for (const run of [0, 9]) one(`.runtable tr[data-run='${run}']`).click();
        await frames(5);
        check('two runs are compared', () => that(!one('.compare').hidden && one('.tested')));
        check('their images are beside the names of the rows', () => that(one('.crop').getBoundingClientRect().left < 200));
        const wide = all('main *').filter((element) => element.checkVisibility() && !element.closest('.pinned') && element.getBoundingClientRect().right > 391 && !clipped(element.parentElement));
        check('nothing is wider than a phone', () => equal(wide.map((element) => `${element.tagName}.${element.className} ${element.getBoundingClientRect().right}`).slice(0, 5), []));
        const rungs = one('.rungs .wide');
        check('what pruning decided can be scrolled to its end', () => that(rungs.tabIndex === 0 && ['auto', 'visible'].includes(getComputedStyle(rungs).overflowX)));
        check('many values of a key are shown as their range', () => equal(all('.swept .axis')[0].textContent.includes('14 values') && [...one('.swept .values').children].map((item) => item.textContent), ['1e-4', 'to', '0.0014', '14 values']));
        check('the best config comes first on the wall', () => that(one('.gallery .flow .sample').dataset.run === String(sweeps[0].configuration.configs[sweeps[0].findings.order[0]].runs[0])));
        check('long labels are cut, and whole in a tooltip', () => that(one('.flow .what').getBoundingClientRect().height < 60 && one('.flow .what').title === sweeps[0].runs[one('.flow .sample').dataset.run].label));
        check('values of a key stand below it', () => that(one('.by-value td').getBoundingClientRect().left < 60));";
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let flags = ["--window-size=390,844"];
    let Some(lines) = lines_with(folder.path(), &with_tools(script), &flags, &objective) else { return };
    assert_all_ok(&lines, 10);
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

/// The page under the rules of paper, as wide as a sheet of A4 between its margins. A headless browser prints only to a file.
const ON_PAPER: &str = "dispatchEvent(new Event('beforeprint'));
    for (const { media, cssRules } of [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules]))
        if (media?.mediaText === 'print') media.mediaText = 'all';
        else if (media?.mediaText.startsWith('screen')) media.mediaText = 'not all';
    document.body.style.width = '718px';
    await frames(10);
";

#[test]
fn a_sheet_of_paper_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic {
        seeds: (1..=8).collect(),
        drawn: Some(2),
        best: Some(2),
        averaged: true,
        ..Synthetic::default()
    }
    .record(folder.path());
    for theme in [&[][..], &["--blink-settings=preferredColorScheme=0"]] {
        let script = format!(
            "await show('.curves');
            {ON_PAPER}
            const right = (element) => element.getBoundingClientRect().right;
            const shown = (selector) => all(selector).filter((element) => element.offsetParent !== null);
            const wide = shown('main *').filter((element) => right(element) > 730 && !element.closest('svg')).map((element) => `${{element.tagName}}.${{element.className}} ${{right(element)}}`);
            check('nothing is beyond the edge', () => equal(wide.slice(0, 5), []));
            const isCut = (element) => ['hidden', 'auto', 'scroll'].includes(getComputedStyle(element).overflowY) && element.scrollHeight > element.clientHeight + 2 && !element.closest('.frame, .crop, .plot, .parallel, .unseen');
            check('nothing is cut', () => equal(shown('main *').filter(isCut).map((element) => `${{element.tagName}}.${{element.className}}`), []));
            check('what is folded is open', () => that(all('details.source').every((details) => details.open) && shown('.source pre').length >= 1));
            const lines = all('.chart .plot').map((plot) => [plot.clientWidth, plot._fullLayout.width, plot.data.length > 0]);
            check('charts have the width of their place', () => that(lines.length === 7 && lines.every(([place, width, drawn]) => place === 336 && width === 336 && drawn), JSON.stringify(lines)));
            check('so have those of the space', () => equal([one('.scatterplot').clientWidth, one('.scatterplot')._fullLayout.width, one('.parallel').clientWidth], [660, 660, 660]));
            const titles = all('.parallel .titles span').map((title) => title.getBoundingClientRect().left);
            check('axes have their titles above them', () => that(titles.every((left, place) => place === 0 || left > titles[place - 1]), titles.join()));
            check('tables have every row and column', () => equal(
                [shown('.runtable tbody tr[data-run]').length, shown('.runtable thead th').length, shown('.configtable tbody tr[data-config]').length, shown('.trialtable tbody tr').length],
                [32, all('.runtable thead th').length, 4, 4]));
            check('all samples are there', () => equal(shown('.gallery .sample[data-run] img').filter((image) => image.src).length, 32));
            check('the page is white and its letters are dark', () => equal([getComputedStyle(document.body).backgroundColor, getComputedStyle(one('h1')).color], ['rgb(255, 255, 255)', 'rgb(0, 0, 0)']));
            check('controls are not on it', () => equal(shown('.topbar, .toolbar, .bar, .copy, .expand').length, 0));
            dispatchEvent(new Event('afterprint'));
            check('afterwards the screen is as before', () => that(!document.documentElement.classList.contains('paper') && all('details.source').every((details) => !details.open)));"
        );
        let Some(lines) = lines_of(folder.path(), &with_tools(&script), theme) else { return };
        assert_all_ok(&lines, 13);
    }
}

#[test]
fn the_page_is_as_it_was_after_printing_one_of_several_sweeps() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    Synthetic { name: "second", rates: vec![4e-4, 5e-4], ..Synthetic::default() }.record(folder.path());
    let script = "await show('.curves');
        all('.tabs button')[1].click();
        await show('.sweep:not([hidden]) .curves');
        const lines = () => ['[hidden]', ':not([hidden])'].map((which) => one(`.sweep${which} .chart .plot`).data[0].line.color);
        const theme = () => document.documentElement.dataset.theme ?? 'as the system';
        for (const chosen of ['as the system', 'dark']) {
            if (chosen === 'dark') set('[data-theme-picker]', chosen);
            await until(() => new Set(lines()).size === 1);
            const [hidden, shown] = lines();
            for (const time of ['first', 'second']) {
                dispatchEvent(new Event('beforeprint'));
                check(`${chosen}: paper is light for the ${time} time`, () => equal(theme(), 'light'));
                check(`${chosen}: so is the chart on it`, () => that(['#0072b2', '#d55e00'].includes(lines()[1]) && lines()[1] !== shown, lines().join()));
                check(`${chosen}: one that is not on it stays`, () => equal(lines()[0], hidden));
                dispatchEvent(new Event('afterprint'));
                check(`${chosen}: the page is as before`, () => equal([theme(), lines()], [chosen, [hidden, shown]]));
            }
        }";
    let flags = ["--blink-settings=preferredColorScheme=0"];
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &flags) else { return };
    assert_all_ok(&lines, 18);
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
