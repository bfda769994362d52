//! The hand that writes: how one image differs from its plan.

use super::{
    curve::{Point, trace},
    form::Stroke,
    frame::Frame,
    pen::Dab,
    random::Random,
    warp::Warp,
};

/// Pieces of a polyline between two points of a stroke.
const PIECES: usize = 8;

/// Writes the strokes of one digit: where the pen goes on the page, and how broad it is there.
pub(super) fn write(strokes: &[Stroke], frame: Frame, random: &mut Random) -> Vec<Vec<Dab>> {
    let warp = Warp::of_hand(random);
    let wobble = random.between(1.5, 4.0);
    let radius = (1.30 + 0.34 * random.bell()).clamp(0.7, 2.4) * frame.scale;
    let mut lines: Vec<Vec<Point>> = strokes
        .iter()
        .map(|stroke| {
            let stroke = vary(stroke, wobble, random);
            let line = trace(&stroke.points, &stroke.corners, PIECES);
            line.into_iter().map(|point| warp.apply(point)).collect()
        })
        .collect();
    frame.place(&mut lines, radius);
    lines.iter().map(|line| press(line, radius, frame.scale, random)).collect()
}

/// A stroke as this hand happens to write it now: its points moved, its ends cut or drawn out, some
/// of its corners rounded.
fn vary(stroke: &Stroke, wobble: f64, random: &mut Random) -> Stroke {
    let last = stroke.points.len() - 1;
    let noise: Vec<_> = (0..=last).map(|_| Point { x: random.bell(), y: random.bell() }).collect();
    // Neighbours move together, or rings would become polygons.
    let shift = |before: f64, here: f64, after: f64| wobble * (before + 2.0 * here + after) / 2.5;
    let mut points = stroke.points.clone();
    for (at, point) in points.iter_mut().enumerate() {
        let (before, here, after) = (noise[at.saturating_sub(1)], noise[at], noise[(at + 1).min(last)]);
        point.x += shift(before.x, here.x, after.x);
        point.y += shift(before.y, here.y, after.y);
    }
    points[0] = points[0].towards(points[1], random.between(-0.25, 0.25));
    points[last] = points[last].towards(points[last - 1], random.between(-0.25, 0.25));
    let corners = stroke.corners.iter().copied().filter(|_| !random.chance(0.25)).collect();
    Stroke { points, corners }
}

/// The pen's breadth along a line in pixels: pressure that comes and goes, ends that taper.
fn press(line: &[Point], radius: f64, scale: f64, random: &mut Random) -> Vec<Dab> {
    let [first, middle, last] = [(); 3].map(|()| 0.10 * random.bell());
    let (fade_in, fade_out) = (random.between(0.0, 0.25), random.between(0.0, 0.35));
    let total: f64 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let mut done = 0.0;
    let mut previous = line[0];
    line.iter()
        .map(|&at| {
            done += previous.distance(at);
            previous = at;
            let t = done / total.max(1e-9);
            let rest = 1.0 - t;
            let pressure = 1.0 + first * rest * rest + 2.0 * middle * t * rest + last * t * t;
            let nearness = |distance: f64| (1.0 - distance / (TAPER_PIXELS * scale)).max(0.0);
            let taper = 1.0 - fade_in * nearness(done) - fade_out * nearness(total - done);
            Dab { at, radius: (radius * pressure * taper).max(THINNEST * scale) }
        })
        .collect()
}

/// How far from its end a stroke begins to taper, on a page of 28 pixels.
const TAPER_PIXELS: f64 = 4.0;
/// The least radius in pixels, on a page of 28: a thinner stroke would break into dots.
const THINNEST: f64 = 0.45;
