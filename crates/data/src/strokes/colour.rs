//! The colours of an image: bright strokes that change from top to bottom, on a dark background.

use super::random::Random;

/// Red, green and blue.
type Colour = [u8; 3];

/// The colours of one image.
pub(super) struct Colours {
    background: Colour,
    /// Of strokes in the top row, and in the bottom row.
    strokes: [Colour; 2],
}

impl Colours {
    pub(super) fn draw(random: &mut Random) -> Self {
        let background = colour(random.unit(), random.between(0.3, 0.9), random.between(0.05, 0.3));
        let hue = random.unit();
        let other = hue + random.between(-0.2, 0.2);
        let strokes =
            [hue, other].map(|hue| colour(hue, random.between(0.35, 0.75), random.between(0.75, 1.0)));
        Self { background, strokes }
    }

    /// Colours an image `[side, side]` of how much of each pixel a stroke covers, into `[3, side, side]`.
    pub(super) fn fill(&self, cover: &[u8], side: usize, image: &mut [u8]) {
        for (channel, plane) in image.chunks_exact_mut(side * side).enumerate() {
            for (row, (line, cover)) in plane.chunks_exact_mut(side).zip(cover.chunks_exact(side)).enumerate()
            {
                let [top, bottom] = self.strokes.map(|colour| u32::from(colour[channel]));
                let (down, last) = (row as u32, side as u32 - 1);
                let stroke_here = (top * (last - down) + bottom * down + last / 2) / last;
                let background = u32::from(self.background[channel]);
                for (byte, &share) in line.iter_mut().zip(cover) {
                    let share = u32::from(share);
                    *byte = ((stroke_here * share + background * (255 - share) + 127) / 255) as u8;
                }
            }
        }
    }
}

/// The colour of that hue (whole numbers are red), saturation and value, as HSV defines them.
fn colour(hue: f64, saturation: f64, value: f64) -> Colour {
    let hue = 6.0 * (hue - hue.floor());
    let pure = [(hue - 3.0).abs() - 1.0, 2.0 - (hue - 2.0).abs(), 2.0 - (hue - 4.0).abs()];
    pure.map(|pure| {
        let share = value * (1.0 - saturation * (1.0 - pure.clamp(0.0, 1.0)));
        (share * 255.0 + 0.5) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_hsv() {
        assert_eq!(colour(0.0, 1.0, 1.0), [255, 0, 0]);
        assert_eq!(colour(1.0 / 3.0, 1.0, 1.0), [0, 255, 0]);
        assert_eq!(colour(-1.0 / 3.0, 1.0, 1.0), [0, 0, 255]);
        assert_eq!(colour(0.25, 0.5, 0.8), [153, 204, 102]);
        assert_eq!(colour(0.7, 0.0, 0.2), [51, 51, 51]);
    }

    #[test]
    fn strokes_cover_the_background_and_change_from_top_to_bottom() {
        let colours = Colours { background: [10, 20, 30], strokes: [[200, 0, 100], [100, 50, 100]] };
        let mut image = [0; 3 * 9];
        colours.fill(&[0, 255, 128, 255, 0, 255, 0, 0, 255], 3, &mut image);
        let pixel = |at: usize| [image[at], image[9 + at], image[18 + at]];
        assert_eq!(
            [pixel(0), pixel(1), pixel(3), pixel(8)],
            [[10, 20, 30], [200, 0, 100], [150, 25, 100], [100, 50, 100]]
        );
        assert_eq!(pixel(2), [105, 10, 65]);
    }
}
