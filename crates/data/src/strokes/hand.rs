//! The hand that writes: how one image differs from the form it follows.

use gansweep_experiment::IMAGE_SIDE;

use super::{
    curve::{Point, trace},
    form::Line,
    pen::Dab,
    random::Random,
};

/// Pieces of a polyline between two points of a stroke.
const PIECES: usize = 8;
/// The longer side of every digit's ink in pixels, as in MNIST.
const BOX_SIDE: f64 = 20.0;

/// A smooth distortion of the plane around the middle of a digit.
struct Warp {
    /// Of `x` and of `y`, by `1, x, y, x^2, xy, y^2, x^2 y, x y^2, y^3`.
    x: [f64; 9],
    y: [f64; 9],
}

impl Warp {
    fn random(random: &mut Random) -> Self {
        // Leaning to the right, as most hands do.
        let slant = 0.20 + 0.20 * random.bell();
        let width = 0.91 + 0.15 * random.bell();
        let turn = 0.07 * random.bell();
        // cos and sin of an angle near 0, by rational functions.
        let (cos, sin) = ((1.0 - turn * turn) / (1.0 + turn * turn), 2.0 * turn / (1.0 + turn * turn));
        let mut warp = Self { x: [0.0; 9], y: [0.0; 9] };
        let bend = |random: &mut Random, size: f64| size * random.bell();
        for (index, size) in [(3, 0.06), (4, 0.08), (5, 0.08), (6, 0.05), (7, 0.07), (8, 0.06)] {
            warp.x[index] = bend(random, size);
            warp.y[index] = bend(random, size);
        }
        warp.x[1] = cos * width;
        warp.x[2] = -sin - slant;
        warp.y[1] = sin * width;
        warp.y[2] = cos;
        warp
    }

    /// From hundredths of the digit's height to about -1 to 1.
    fn apply(&self, point: Point) -> Point {
        let (x, y) = (point.x / 50.0 - 1.0, point.y / 50.0 - 1.0);
        let terms = [1.0, x, y, x * x, x * y, y * y, x * x * y, x * y * y, y * y * y];
        let dot = |weights: &[f64; 9]| weights.iter().zip(terms).map(|(weight, term)| weight * term).sum();
        Point { x: dot(&self.x), y: dot(&self.y) }
    }
}

/// Writes the lines of one digit: where the pen goes on the page, and how broad it is there.
pub(super) fn write(lines: &[Line], random: &mut Random) -> Vec<Vec<Dab>> {
    let warp = Warp::random(random);
    let wobble = random.between(1.5, 4.0);
    let radius = (1.34 + 0.34 * random.bell()).clamp(0.7, 2.4);
    let polylines: Vec<Vec<Point>> = lines
        .iter()
        .map(|line| {
            let (points, corners) = vary(line, wobble, random);
            trace(&points, &corners, PIECES).into_iter().map(|point| warp.apply(point)).collect()
        })
        .collect();
    let placed = place(polylines, radius);
    placed.into_iter().map(|line| press(&line, radius, random)).collect()
}

/// A line as this hand happens to write it now: its points moved, its ends cut or drawn out, some of
/// its corners rounded.
fn vary(line: &Line, wobble: f64, random: &mut Random) -> (Vec<Point>, Vec<usize>) {
    let last = line.points.len() - 1;
    let noise: Vec<_> = (0..=last).map(|_| (random.bell(), random.bell())).collect();
    // Neighbours move together, or rings would become polygons.
    let blend = |at: usize, axis: fn(&(f64, f64)) -> f64| {
        let (before, after) = (&noise[at.saturating_sub(1)], &noise[(at + 1).min(last)]);
        wobble * (axis(before) + 2.0 * axis(&noise[at]) + axis(after)) / 2.5
    };
    let mut points: Vec<_> = line
        .points
        .iter()
        .enumerate()
        .map(|(at, point)| Point { x: point.x + blend(at, |n| n.0), y: point.y + blend(at, |n| n.1) })
        .collect();
    let (start, end) = (random.between(-0.25, 0.25), random.between(-0.25, 0.25));
    points[0] = points[0].towards(points[1], start);
    points[last] = points[last].towards(points[last - 1], end);
    let corners = line.corners.iter().copied().filter(|_| !random.chance(0.25)).collect();
    (points, corners)
}

/// Scales the ink to the box and puts its centre of mass into the middle of the page, by whole
/// pixels, as MNIST does.
fn place(mut lines: Vec<Vec<Point>>, radius: f64) -> Vec<Vec<Point>> {
    let points = || lines.iter().flatten();
    let low = points().fold((f64::INFINITY, f64::INFINITY), |low, point| (low.0.min(point.x), low.1.min(point.y)));
    let high = points().fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |high, point| (high.0.max(point.x), high.1.max(point.y)));
    let side = (high.0 - low.0).max(high.1 - low.1);
    let scale = (BOX_SIDE - 2.0 * radius) / side;
    let page = IMAGE_SIDE as f64;
    let corner = |low: f64, high: f64| (page - (high - low) * scale) / 2.0;
    let (left, top) = (corner(low.0, high.0), corner(low.1, high.1));
    for point in lines.iter_mut().flatten() {
        *point = Point { x: left + (point.x - low.0) * scale, y: top + (point.y - low.1) * scale };
    }
    let centre = centre_of_mass(&lines);
    let shift = |centre: f64| (page / 2.0 - centre + 100.5).floor() - 100.0;
    let (dx, dy) = (shift(centre.x).clamp(-4.0, 4.0), shift(centre.y).clamp(-4.0, 4.0));
    for point in lines.iter_mut().flatten() {
        *point = Point { x: point.x + dx, y: point.y + dy };
    }
    lines
}

fn centre_of_mass(lines: &[Vec<Point>]) -> Point {
    let (mut x, mut y, mut mass) = (0.0, 0.0, 1e-9);
    for pair in lines.iter().flat_map(|line| line.windows(2)) {
        let length = pair[0].distance(pair[1]);
        x += length * (pair[0].x + pair[1].x) / 2.0;
        y += length * (pair[0].y + pair[1].y) / 2.0;
        mass += length;
    }
    Point { x: x / mass, y: y / mass }
}

/// The pen's breadth along a line: pressure that comes and goes, ends that taper.
fn press(line: &[Point], radius: f64, random: &mut Random) -> Vec<Dab> {
    let (first, middle, last) = (0.10 * random.bell(), 0.10 * random.bell(), 0.10 * random.bell());
    let (fade_in, fade_out) = (random.between(0.0, 0.25), random.between(0.0, 0.35));
    let total: f64 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let mut done = 0.0;
    let mut previous = line[0];
    line.iter()
        .map(|&at| {
            done += previous.distance(at);
            previous = at;
            let t = if total > 0.0 { done / total } else { 0.5 };
            let pressure = 1.0 + (first * (1.0 - t) * (1.0 - t) + 2.0 * middle * t * (1.0 - t) + last * t * t);
            let near = |distance: f64| (1.0 - distance / 4.0).max(0.0);
            let taper = 1.0 - fade_in * near(done) - fade_out * near(total - done);
            Dab { at, radius: (radius * pressure * taper).max(0.45) }
        })
        .collect()
}
