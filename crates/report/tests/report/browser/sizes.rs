//! Runs of one sweep whose grids have several sizes and colours.

use gansweep_config::ImageShape;
use gansweep_report::ReportOptions;

use super::without_scripts::assert_without_scripts;
use crate::support::checked::{assert_all_ok, lines_of, with_tools};
use crate::support::{Outcome, Spec, Synthetic};

/// Runs 0 and 1 are 28 x 28 in grey, 2 and 3 32 x 32 in colour, 4 and 5 64 x 64 in grey.
fn of_several_sizes() -> Synthetic {
    let shape = |spec: &Spec| match spec.lr {
        lr if lr < 3e-4 => ImageShape { channels: 1, height: 28, width: 28 },
        lr if lr < 7e-4 => ImageShape { channels: 3, height: 32, width: 32 },
        _ => ImageShape { channels: 1, height: 64, width: 64 },
    };
    let (rates, widths, outcome) = (vec![2e-4, 5e-4, 1e-3], vec![128], |_| Outcome::Completes);
    Synthetic { rates, widths, shape, outcome, ..Synthetic::default() }
}

#[test]
fn grids_of_several_sizes_and_colours_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    of_several_sizes().record(folder.path());
    let script = "const across = (image) => image.naturalWidth;
        const inverted = (image) => getComputedStyle(image).filter !== 'none';
        const reals = ['Real mnist, 28 × 28 grey', 'Real mnist, 32 × 32 colour', 'Real mnist, 64 × 64 grey'];
        const wall = () => [0, 2, 4].map((run) => one(`.gallery .sample[data-run='${run}'] img`));
        const loaded = async (images) => { for (const image of images) await image.decode(); return images; };
        await show('.samples');
        await loaded([...wall(), ...all('.gallery .real img')]);
        check('the wall has all of them', () => equal(wall().map(across), [56, 64, 128]));
        check('as large as each other', () => equal(new Set(wall().map((image) => image.getBoundingClientRect().width)).size, 1));
        check('each takes the room that it needs from the start', () => equal(wall().map((image) => image.getAttribute('width')), ['56', '64', '128']));
        const enlarged = wall()[0].getBoundingClientRect().width / 56;
        check('pixels stay sharp where they are whole, others are smooth', () => equal(
            [Number.isInteger(enlarged), ...wall().map((image) => getComputedStyle(image).imageRendering)],
            [true, 'pixelated', ...[64, 128].map((width) => (56 * enlarged) / width).map((factor) => (factor < 2 && factor !== 1 ? 'auto' : 'pixelated'))]));
        check('real images of each say what they are', () => equal(all('.gallery .real').map((real) => [real.textContent.trim(), across(real.querySelector('img'))]), [56, 64, 128].map((width, place) => [reals[place], width])));
        set('[data-control=invert]', true);
        check('black on white is for grey images', () => equal([...wall(), ...all('.gallery .real img')].map(inverted), [true, false, true, true, false, true]));
        for (const [place, run] of [0, 2, 4].entries()) {
            one(`.gallery .sample[data-run='${run}'] button`).click();
            const frames = all('.strip img');
            await loaded([one('.viewer .main img'), one('.viewer .real img'), ...frames]);
            const width = [56, 64, 128][place];
            check(`the viewer shows run ${run} beside its own data`, () => equal([across(one('.viewer .main img')), across(one('.viewer .real img')), one('.viewer .real .what').textContent], [width, width, reals[place]]));
            check('and its film strip', () => equal([frames.length, ...new Set(frames.map(across))], [4, width]));
            check('in its own colours', () => equal([one('.viewer .main img'), frames[0]].map(inverted), Array(2).fill(place !== 1)));
            const button = (name) => one(`.viewer .${name}`).getBoundingClientRect().top;
            check('the buttons are in one line', () => equal([button('next'), button('close')], [button('previous'), button('previous')]));
            one('.viewer .close').click();
        }
        one('.runs').scrollIntoView({ behavior: 'instant' });
        for (const run of [0, 2, 4]) one(`.runtable tr[data-run='${run}']`).click();
        await loaded(all('.crop img'));
        const crops = () => all('.crop').map((crop) => { const { width, height } = crop.getBoundingClientRect(); return width / height; });
        check('they can be compared', () => equal([all('.crop img').map(across), crops(), all('.crop img').map(inverted)], [[56, 64, 128], [1, 1, 1], [true, false, true]]));
        set('[data-control=compare-cell]', 2);
        check('image by image', () => equal(all('.crop img').map((image) => image.style.transform), Array(3).fill('scale(2) translate(-50%, 0%)')));
        const rows = all('.compared tbody tr').map((row) => [...row.cells].map((cell) => cell.textContent).join(' '));
        check('with sizes and channels as they were trained', () => that(rows.includes('data.side 28 32 64') && rows.includes('data.channels 1 3 1'), rows.join('; ')));
        check('the table of configs has a row for each', () => equal(all('.configtable tbody tr[data-config]').length, 3));
        dispatchEvent(new Event('beforeprint'));
        await loaded(wall());
        check('paper has them', () => equal([...wall(), ...all('.runtable .thumb img')].map(across), [56, 64, 128, 56, 56, 64, 64, 128, 128]));
        dispatchEvent(new Event('afterprint'));
        check('nothing is wider than the window', () => that(document.documentElement.scrollWidth <= innerWidth));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script), &[]) else { return };
    assert_all_ok(&lines, 26);
    let script = "const images = isShown('.last img');
        await Promise.all(images.map((image) => { image.loading = 'eager'; return image.decode(); }));
        check('without scripts, real images and the last ones of each run', () => equal(images.map((image) => image.naturalWidth), [56, 64, 128, 56, 56, 64, 64, 128, 128]));";
    assert_without_scripts(folder.path(), &ReportOptions::default(), script, 3);
}
