//! The names of a dataset's classes.

use std::sync::Arc;

/// The names of a dataset's classes, from label 0; none where they are not known.
///
/// All runs of a plan share them: a plan has many runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClassNames(Arc<[String]>);

impl ClassNames {
    /// These names, from label 0.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether the names are not known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All names, from label 0.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// What a class is called: its name, or its number where it has none.
    pub fn name(&self, class: usize) -> String {
        self.0.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// The class that was asked for, by its name or its number; `None` if none of `classes` classes is called so.
    ///
    /// Names come first: a folder may be called `3` and be the fifth. Of names that differ in case alone, the one that is
    /// written as asked comes first.
    pub fn find(&self, asked: &str, classes: u32) -> Option<u16> {
        let place = |is_it: &dyn Fn(&String) -> bool| self.0.iter().position(is_it);
        let by_name =
            place(&|name| name == asked).or_else(|| place(&|name| name.eq_ignore_ascii_case(asked)));
        let class = by_name.or_else(|| asked.parse().ok()).filter(|&class| class < classes as usize)?;
        u16::try_from(class).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_its_name_before_its_number() {
        let names = ClassNames::new(["Shirt", "shirt", "7", "3"]);
        let found =
            ["Shirt", "shirt", "SHIRT", "7", "3", "2", "0", "4", "trousers"].map(|it| names.find(it, 4));
        assert_eq!(found, [Some(0), Some(1), Some(0), Some(2), Some(3), Some(2), Some(0), None, None]);
        assert_eq!((names.name(1), names.name(9)), ("shirt".to_owned(), "9".to_owned()));
    }

    #[test]
    fn without_names_classes_have_their_numbers() {
        let none = ClassNames::default();
        assert_eq!((none.find("9", 10), none.find("10", 10), none.find("-1", 10)), (Some(9), None, None));
        assert_eq!(none.name(3), "3");
    }
}
