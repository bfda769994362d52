//! The ways in which people write a digit.

use super::{curve::Point, random::Random};

/// One way to write a digit, as several examples of it with the same strokes and the same number of
/// points in each, so that any mixture of two examples is a third.
pub(super) struct Form {
    /// How common it is among the forms of its digit.
    pub(super) weight: f64,
    /// At least one.
    pub(super) examples: &'static [&'static [Stroke]],
}

/// One movement of the pen: points in units of a hundredth of the digit's height, `y` downwards, and
/// which of them are corners.
pub(super) struct Stroke {
    pub(super) points: &'static [(f64, f64)],
    pub(super) corners: &'static [usize],
}

/// A stroke of one digit as it is to be written.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Where the pen goes; units as in [`Stroke`].
    pub(super) points: Vec<Point>,
    /// Which of the points are corners.
    pub(super) corners: Vec<usize>,
}

impl Form {
    /// One of a digit's forms, the common ones more often.
    pub(super) fn choose<'a>(forms: &'a [Self], random: &mut Random) -> &'a Self {
        let total: f64 = forms.iter().map(|form| form.weight).sum();
        let mut rest = random.unit() * total;
        for form in forms {
            rest -= form.weight;
            if rest < 0.0 {
                return form;
            }
        }
        &forms[forms.len() - 1]
    }

    /// A mixture of two examples, or a little beyond one of them.
    pub(super) fn mix(&self, random: &mut Random) -> Vec<Line> {
        let one = self.examples[random.index(self.examples.len())];
        let other = self.examples[random.index(self.examples.len())];
        let share = random.between(-0.15, 0.85);
        one.iter().zip(other).map(|(a, b)| mix_strokes(a, b, share)).collect()
    }
}

fn mix_strokes(a: &Stroke, b: &Stroke, share: f64) -> Line {
    let point = |&(x, y): &(f64, f64)| Point { x, y };
    let mixed = a.points.iter().zip(b.points).map(|(a, b)| point(a).towards(point(b), share));
    Line { points: mixed.collect(), corners: a.corners.to_vec() }
}
