//! The plane a hand writes on: turned, slanted, stretched and slightly bent.

use super::{curve::Point, random::Random};

/// A smooth map of the plane, by polynomials of the third degree.
pub(super) struct Warp {
    /// What `x` becomes: the weights of [`terms`].
    x: [f64; TERMS],
    /// What `y` becomes.
    y: [f64; TERMS],
}

const TERMS: usize = 8;

/// `x, y`, then what bends: a standard deviation of the weight of each goes with it in [`BENDS`].
fn terms(x: f64, y: f64) -> [f64; TERMS] {
    [x, y, x * x, x * y, y * y, x * x * y, x * y * y, y * y * y]
}

/// Standard deviations of the weights of the terms that bend.
const BENDS: [f64; TERMS] = [0.0, 0.0, 0.06, 0.08, 0.08, 0.05, 0.07, 0.06];

impl Warp {
    /// Of a hand: leaning to the right more often than to the left, and writing narrowly more often
    /// than broadly.
    pub(super) fn of_hand(random: &mut Random) -> Self {
        let slant = 0.20 + 0.20 * random.bell();
        let width = 0.91 + 0.15 * random.bell();
        let turn = 0.07 * random.bell();
        // Cosine and sine of twice the arc tangent of `turn`, without calling either.
        let norm = 1.0 + turn * turn;
        let (cos, sin) = ((1.0 - turn * turn) / norm, 2.0 * turn / norm);
        let mut warp = Self { x: [0.0; TERMS], y: [0.0; TERMS] };
        for (term, bend) in BENDS.iter().enumerate() {
            warp.x[term] = bend * random.bell();
            warp.y[term] = bend * random.bell();
        }
        (warp.x[0], warp.x[1]) = (cos * width, -sin - slant);
        (warp.y[0], warp.y[1]) = (sin * width, cos);
        warp
    }

    /// From hundredths of a digit's height to about -1 to 1, warped.
    pub(super) fn apply(&self, point: Point) -> Point {
        let terms = terms(point.x / 50.0 - 1.0, point.y / 50.0 - 1.0);
        let sum =
            |weights: &[f64; TERMS]| weights.iter().zip(terms).map(|(weight, term)| weight * term).sum();
        Point { x: sum(&self.x), y: sum(&self.y) }
    }
}
