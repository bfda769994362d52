//! Where a digit lies on its page: as in MNIST, its strokes fill a box of 20 pixels, and its centre of
//! mass is the middle of the page ("Gradient-based learning applied to document recognition", 1998,
//! section III.A).

use super::curve::Point;

/// A square page and its parts, in pixels. They grow with its side, so that a digit is drawn alike on each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    /// Rows and columns.
    pub(super) side: usize,
    /// The side over that of MNIST's pages, 28.
    pub(super) scale: f64,
}

impl Frame {
    pub(super) fn new(side: usize) -> Self {
        Self { side, scale: side as f64 / 28.0 }
    }

    /// The number of pixels.
    pub(super) const fn pixels(self) -> usize {
        self.side * self.side
    }

    /// The side as a length.
    fn length(self) -> f64 {
        self.side as f64
    }

    /// The longer side of a digit's strokes.
    fn box_side(self) -> f64 {
        20.0 * self.scale
    }

    /// Between the box and the page's edge: as far as an image can be moved without losing a part of a stroke.
    fn margin(self) -> f64 {
        (self.length() - self.box_side()) / 2.0
    }

    /// Scales and moves the lines, to be drawn by a pen of that radius in pixels, into the box in the
    /// middle of the page.
    pub(super) fn place(self, lines: &mut [Vec<Point>], radius: f64) {
        let (low, high) = bounds(lines);
        let side = (high.x - low.x).max(high.y - low.y).max(1e-9);
        let scale = (self.box_side() - 2.0 * radius) / side;
        let margin = |low: f64, high: f64| (self.length() - (high - low) * scale) / 2.0;
        let corner = Point { x: margin(low.x, high.x), y: margin(low.y, high.y) };
        for point in lines.iter_mut().flatten() {
            point.x = corner.x + (point.x - low.x) * scale;
            point.y = corner.y + (point.y - low.y) * scale;
        }
    }

    /// Moves an image by whole pixels so that its centre of mass comes to the middle of the page.
    pub(super) fn balance(self, image: &[u8], balanced: &mut [u8]) {
        let (side, margin) = (self.side, self.margin());
        let centre = self.centre_of_mass(image);
        let shift =
            |centre: f64| (self.length() / 2.0 - centre + 0.5).floor().clamp(-margin, margin) as isize;
        let (right, down) = (shift(centre.x), shift(centre.y));
        for (row, line) in balanced.chunks_exact_mut(side).enumerate() {
            for (col, byte) in line.iter_mut().enumerate() {
                let from = row.checked_add_signed(-down).zip(col.checked_add_signed(-right));
                *byte = match from {
                    Some((row, col)) if row < side && col < side => image[row * side + col],
                    _ => 0,
                };
            }
        }
    }

    /// In pixels from the page's left upper corner; the middle of an empty page.
    pub(super) fn centre_of_mass(self, image: &[u8]) -> Point {
        let (mut x, mut y, mut mass) = (0, 0, 0);
        for (at, weight) in image.iter().map(|&byte| u32::from(byte)).enumerate() {
            x += weight * (2 * (at % self.side) as u32 + 1);
            y += weight * (2 * (at / self.side) as u32 + 1);
            mass += 2 * weight;
        }
        if mass == 0 {
            return Point { x: self.length() / 2.0, y: self.length() / 2.0 };
        }
        Point { x: f64::from(x) / f64::from(mass), y: f64::from(y) / f64::from(mass) }
    }
}

/// The corners of the box around all points.
fn bounds(lines: &[Vec<Point>]) -> (Point, Point) {
    let mut low = Point { x: f64::INFINITY, y: f64::INFINITY };
    let mut high = Point { x: f64::NEG_INFINITY, y: f64::NEG_INFINITY };
    for point in lines.iter().flatten() {
        low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
        high = Point { x: high.x.max(point.x), y: high.y.max(point.y) };
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 28;
    const PIXELS: usize = SIDE * SIDE;

    #[test]
    fn strokes_fill_their_box_in_the_middle_of_the_page() {
        let mut lines =
            vec![vec![Point { x: 0.0, y: 0.0 }, Point { x: 0.5, y: 2.0 }, Point { x: 1.0, y: 0.0 }]];
        Frame::new(SIDE).place(&mut lines, 1.5);
        let (low, high) = bounds(&lines);
        let expected = [14.0 - 4.25, 5.5, 14.0 + 4.25, 22.5];
        for (found, expected) in [low.x, low.y, high.x, high.y].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
    }

    #[test]
    fn the_centre_of_mass_comes_to_the_middle_but_no_stroke_leaves_the_page() {
        let mut image = [0; PIXELS];
        image[16 * SIDE + 11] = 200;
        let mut balanced = [9; PIXELS];
        Frame::new(SIDE).balance(&image, &mut balanced);
        assert_eq!(balanced.iter().position(|&byte| byte == 200), Some(14 * SIDE + 14));
        image = [0; PIXELS];
        image[4 * SIDE + 4] = 200;
        Frame::new(SIDE).balance(&image, &mut balanced);
        assert_eq!(balanced.iter().position(|&byte| byte == 200), Some(8 * SIDE + 8));
        assert_eq!(balanced.iter().map(|&byte| u32::from(byte)).sum::<u32>(), 200);
    }

    #[test]
    fn an_empty_page_stays_where_it_is() {
        let mut balanced = [9; PIXELS];
        Frame::new(SIDE).balance(&[0; PIXELS], &mut balanced);
        assert_eq!(balanced, [0; PIXELS]);
    }
}
