//! Smooth curves through points.

/// A place on the plane; `y` grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    /// `self + (other - self) * t`.
    pub(super) fn towards(self, other: Self, t: f64) -> Self {
        Self { x: self.x + (other.x - self.x) * t, y: self.y + (other.y - self.y) * t }
    }

    /// The distance to another point.
    pub(super) fn distance(self, other: Self) -> f64 {
        let (dx, dy) = (other.x - self.x, other.y - self.y);
        (dx * dx + dy * dy).sqrt()
    }
}

/// A curve through `points`, smooth but at the `corners` (indices into `points`), as a polyline of
/// `pieces` pieces between two points.
///
/// Between corners it is a cubic spline through the points with centripetal parameters (Yuksel,
/// Schaefer and Keyser 2011), which neither overshoots nor loops at unevenly spaced points.
pub(super) fn trace(points: &[Point], corners: &[usize], pieces: usize) -> Vec<Point> {
    let mut line = Vec::with_capacity(points.len() * pieces + 1);
    let mut start = 0;
    for &end in corners.iter().chain([&(points.len() - 1)]) {
        trace_smooth(&points[start..=end], pieces, &mut line);
        start = end;
    }
    line.extend(points.last());
    line
}

/// All but the last point of a curve without corners.
fn trace_smooth(points: &[Point], pieces: usize, line: &mut Vec<Point>) {
    let spans: Vec<f64> = points.windows(2).map(|pair| pair[0].distance(pair[1]).sqrt().max(1e-6)).collect();
    let tangents = tangents(points, &spans);
    for (index, &span) in spans.iter().enumerate() {
        let (from, to) = (points[index], points[index + 1]);
        let (leave, arrive) = (tangents[index], tangents[index + 1]);
        for piece in 0..pieces {
            let t = piece as f64 / pieces as f64;
            line.push(Point {
                x: hermite(from.x, leave.x * span, to.x, arrive.x * span, t),
                y: hermite(from.y, leave.y * span, to.y, arrive.y * span, t),
            });
        }
    }
}

/// The velocity at every point: of the parabola through it and its neighbours; at an end, of the
/// parabola that the first inner velocity leaves open.
fn tangents(points: &[Point], spans: &[f64]) -> Vec<Point> {
    let slope = |index: usize| Point {
        x: (points[index + 1].x - points[index].x) / spans[index],
        y: (points[index + 1].y - points[index].y) / spans[index],
    };
    let last = spans.len() - 1;
    let inner = |index: usize| {
        let (before, after) = (slope(index - 1), slope(index));
        before.towards(after, spans[index - 1] / (spans[index - 1] + spans[index]))
    };
    let open = |chord: Point, inner: Point| Point {
        x: 1.5 * chord.x - 0.5 * inner.x,
        y: 1.5 * chord.y - 0.5 * inner.y,
    };
    let mut tangents: Vec<Point> = Vec::with_capacity(points.len());
    if last == 0 {
        return vec![slope(0); 2];
    }
    tangents.push(open(slope(0), inner(1)));
    tangents.extend((1..=last).map(inner));
    tangents.push(open(slope(last), inner(last)));
    tangents
}

/// The cubic with values `a`, `b` and derivatives `da`, `db` at 0 and 1.
fn hermite(a: f64, da: f64, b: f64, db: f64, t: f64) -> f64 {
    let rest = 1.0 - t;
    (a * (1.0 + 2.0 * t) + da * t) * rest * rest + (b * (3.0 - 2.0 * t) - db * rest) * t * t
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs.iter().map(|&(x, y)| Point { x, y }).collect()
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        let points = points(&[(0.0, 0.0), (30.0, 5.0), (35.0, 60.0), (0.0, 90.0)]);
        for corners in [vec![], vec![2]] {
            let line = trace(&points, &corners, 8);
            assert_eq!(line.len(), 25);
            for (index, point) in points.iter().enumerate() {
                assert!(line[index * 8].distance(*point) < 1e-9);
            }
        }
    }

    #[test]
    fn a_curve_through_points_of_a_line_is_the_line() {
        let line = trace(&points(&[(0.0, 0.0), (1.0, 2.0), (10.0, 20.0), (11.0, 22.0)]), &[], 5);
        assert!(line.iter().all(|point| (point.y - 2.0 * point.x).abs() < 1e-9));
    }

    #[test]
    fn a_curve_turns_sharply_at_corners_only() {
        let turn = |corners: &[usize]| {
            let line = trace(
                &points(&[(0.0, 0.0), (50.0, 0.0), (100.0, 0.0), (50.0, 50.0), (0.0, 100.0)]),
                corners,
                20,
            );
            // The cosine between the pieces before and after the third point.
            let (a, b, c) = (line[39], line[40], line[41]);
            ((b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y)) / (a.distance(b) * b.distance(c))
        };
        assert!(turn(&[]) > 0.8, "{}", turn(&[]));
        assert!(turn(&[2]) < -0.5, "{}", turn(&[2]));
    }

    #[test]
    fn coinciding_points_do_no_harm() {
        let line = trace(&points(&[(5.0, 5.0), (5.0, 5.0), (6.0, 5.0)]), &[], 8);
        assert!(line.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
    }
}
