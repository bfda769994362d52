//! The ways in which people write a digit.

use std::sync::LazyLock;

use super::{curve::Point, random::Random};

/// The forms of each digit, by its value, as `digits.txt` beside this file describes them.
static DIGITS: LazyLock<Vec<Vec<Form>>> =
    LazyLock::new(|| parse(include_str!("digits.txt")).expect("the built-in digits are checked by a test"));

/// One way to write a digit.
#[derive(Debug)]
struct Form {
    /// How common it is, against the other forms of its digit.
    weight: f64,
    /// At least one; all have the same strokes, and these the same number of points.
    examples: Vec<Vec<Stroke>>,
}

/// One movement of the pen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stroke {
    /// Where the pen goes, in hundredths of the digit's height, `y` downwards; at least two points.
    pub(super) points: Vec<Point>,
    /// Which of the inner points are corners, ascending.
    pub(super) corners: Vec<usize>,
}

/// How many digits there are to choose from.
pub(super) fn digits() -> usize {
    DIGITS.len()
}

/// A digit as somebody might plan to write it: one of its forms, the common ones more often, and
/// in it a mixture of two examples, or a little beyond one of them.
pub(super) fn plan(digit: usize, random: &mut Random) -> Vec<Stroke> {
    let examples = &choose(&DIGITS[digit], random).examples;
    let one = &examples[random.index(examples.len())];
    let other = &examples[random.index(examples.len())];
    let share = random.between(-0.15, 0.85);
    one.iter().zip(other).map(|(a, b)| mix(a, b, share)).collect()
}

fn choose<'a>(forms: &'a [Form], random: &mut Random) -> &'a Form {
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

fn mix(a: &Stroke, b: &Stroke, share: f64) -> Stroke {
    let points = a.points.iter().zip(&b.points).map(|(a, b)| a.towards(*b, share)).collect();
    Stroke { points, corners: a.corners.clone() }
}

/// Reads the format that the head of `digits.txt` describes; `None` for anything else.
fn parse(text: &str) -> Option<Vec<Vec<Form>>> {
    let mut digits: Vec<Vec<Form>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(digit) = line.strip_prefix("digit ") {
            (digit.parse() == Ok(digits.len())).then(|| digits.push(Vec::new()))?;
        } else if let Some(form) = line.strip_prefix("form ") {
            let weight: u32 = form.split(' ').next()?.parse().ok()?;
            digits.last_mut()?.push(Form { weight: f64::from(weight), examples: Vec::new() });
        } else {
            let example = line.split(" | ").map(parse_stroke).collect::<Option<Vec<_>>>()?;
            digits.last_mut()?.last_mut()?.examples.push(example);
        }
    }
    Some(digits)
}

fn parse_stroke(text: &str) -> Option<Stroke> {
    let mut stroke = Stroke { points: Vec::new(), corners: Vec::new() };
    for word in text.split(' ') {
        if word.ends_with('!') {
            stroke.corners.push(stroke.points.len());
        }
        let (x, y) = word.trim_end_matches('!').split_once(',')?;
        let coordinate = |text: &str| text.parse::<i32>().ok().map(f64::from);
        stroke.points.push(Point { x: coordinate(x)?, y: coordinate(y)? });
    }
    Some(stroke)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_digits_each_with_several_forms_of_several_examples() {
        assert_eq!(DIGITS.len(), 10);
        for forms in DIGITS.iter() {
            assert!(forms.len() >= 2);
            assert!(forms.iter().all(|form| form.weight > 0.0 && form.examples.len() >= 2));
        }
    }

    #[test]
    fn all_examples_of_a_form_can_be_mixed() {
        let shape = |example: &[Stroke]| -> Vec<_> {
            example.iter().map(|stroke| (stroke.points.len(), stroke.corners.clone())).collect()
        };
        for form in DIGITS.iter().flatten() {
            let first = shape(&form.examples[0]);
            assert!(form.examples.iter().all(|example| shape(example) == first), "{form:?}");
        }
    }

    #[test]
    fn corners_lie_within_their_strokes() {
        for stroke in DIGITS.iter().flatten().flat_map(|form| form.examples.iter().flatten()) {
            assert!(stroke.points.len() >= 2);
            assert!(stroke.corners.iter().all(|&at| at > 0 && at + 1 < stroke.points.len()), "{stroke:?}");
        }
    }

    #[test]
    fn text_of_another_format_is_no_form() {
        assert!(parse("digit 0\nform 1 plain\n1,2 3,4! 5,6").is_some());
        for text in ["1,2 3,4", "digit 1", "digit 0\nform x", "digit 0\nform 1\n1;2", "digit 0\nform 1\n1,2 "]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
