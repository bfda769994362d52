//! A pen with a soft edge on a grid of pixels.

use super::curve::Point;

/// A place of the pen in pixels, and how far a stroke reaches there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dab {
    pub(super) at: Point,
    pub(super) radius: f64,
}

/// A square page: the distance of every pixel's centre from the nearest stroke's edge, negative within the stroke.
pub(super) struct Page {
    side: usize,
    /// `[side, side]`.
    distance: Vec<f64>,
}

/// Beyond this distance from a stroke's edge, in pixels, a pixel stays black.
const REACH: f64 = 1.0;

impl Page {
    /// Without strokes.
    pub(super) fn blank(side: usize) -> Self {
        Self { side, distance: vec![f64::INFINITY; side * side] }
    }

    /// Draws one stroke.
    pub(super) fn draw(&mut self, dabs: &[Dab]) {
        for pair in dabs.windows(2) {
            self.draw_piece(pair[0], pair[1]);
        }
    }

    /// The strokes as bytes: full within, fading over `soft` pixels (at most two) across its edge.
    pub(super) fn develop(&self, soft: f64, out: &mut [u8]) {
        for (byte, distance) in out.iter_mut().zip(&self.distance) {
            let grey = (0.5 - distance / soft).clamp(0.0, 1.0);
            *byte = (grey * 255.0 + 0.5) as u8;
        }
    }

    fn draw_piece(&mut self, from: Dab, to: Dab) {
        let (a, b) = (from.at, to.at);
        let reach = from.radius.max(to.radius) + REACH;
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let squared_length = (dx * dx + dy * dy).max(1e-12);
        let widening = to.radius - from.radius;
        for row in self.pixels(a.y.min(b.y) - reach, a.y.max(b.y) + reach) {
            for col in self.pixels(a.x.min(b.x) - reach, a.x.max(b.x) + reach) {
                let (px, py) = (col as f64 + 0.5 - a.x, row as f64 + 0.5 - a.y);
                let t = ((px * dx + py * dy) / squared_length).clamp(0.0, 1.0);
                let (ex, ey) = (px - t * dx, py - t * dy);
                let distance = (ex * ex + ey * ey).sqrt() - (from.radius + t * widening);
                let nearest = &mut self.distance[row * self.side + col];
                *nearest = nearest.min(distance);
            }
        }
    }

    /// The rows or columns whose centres lie between two coordinates.
    fn pixels(&self, low: f64, high: f64) -> std::ops::Range<usize> {
        let clamp = |edge: f64| (edge + 0.5).clamp(0.0, self.side as f64) as usize;
        clamp(low)..clamp(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 28;
    const PIXELS: usize = SIDE * SIDE;

    fn bar(radius: f64) -> Vec<u8> {
        let dab = |x| Dab { at: Point { x, y: 14.5 }, radius };
        let mut page = Page::blank(SIDE);
        page.draw(&[dab(8.5), dab(14.0), dab(19.5)]);
        let mut image = vec![0; PIXELS];
        page.develop(1.0, &mut image);
        image
    }

    #[test]
    fn a_stroke_is_full_along_the_line_fades_across_its_edge_and_ends() {
        let image = bar(2.0);
        let at = |row: usize, col: usize| image[row * SIDE + col];
        assert_eq!([at(14, 10), at(13, 10), at(12, 10), at(11, 10)], [255, 255, 128, 0]);
        assert_eq!([at(14, 20), at(14, 21), at(14, 22)], [255, 128, 0]);
    }

    #[test]
    fn the_area_is_that_of_the_stroke() {
        let found: f64 = bar(2.0).iter().map(|&byte| f64::from(byte) / 255.0).sum();
        let area = 11.0 * 4.0 + std::f64::consts::PI * 4.0;
        assert!((found / area - 1.0).abs() < 0.02, "{found} for {area}");
    }

    #[test]
    fn a_stroke_beyond_the_page_is_left_out() {
        let dab = |x| Dab { at: Point { x, y: -3.0 }, radius: 2.0 };
        let mut page = Page::blank(SIDE);
        page.draw(&[dab(-90.0), dab(90.0)]);
        let mut image = vec![7; PIXELS];
        page.develop(1.0, &mut image);
        assert!(image.iter().all(|&byte| byte == 0));
    }
}
