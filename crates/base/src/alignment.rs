//! Lists beside each other, with their common items in common rows.

use std::hash::Hash;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// An item, and which of the lists have it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<T> {
    /// The item.
    pub item: T,
    /// For each list, whether it has the item in this row.
    pub is_in: Vec<bool>,
}

/// Puts lists beside each other: each list is the rows that it is in, in their order. Each further list has as many rows as
/// possible in common with those before it.
pub fn aligned<T: Eq + Hash + Clone>(lists: &[Vec<T>]) -> Vec<Row<T>> {
    let mut rows: Vec<Row<T>> = Vec::new();
    for (place, list) in lists.iter().enumerate() {
        let known: Vec<T> = rows.iter().map(|row| row.item.clone()).collect();
        let mut earlier = rows.into_iter();
        let mut next = Vec::new();
        for op in capture_diff_slices(Algorithm::Myers, &known, list) {
            let is_common = matches!(op, DiffOp::Equal { .. });
            for mut row in earlier.by_ref().take(op.old_range().len()) {
                row.is_in[place] |= is_common;
                next.push(row);
            }
            if !is_common {
                next.extend(list[op.new_range()].iter().map(|item| {
                    let mut is_in = vec![false; lists.len()];
                    is_in[place] = true;
                    Row { item: item.clone(), is_in }
                }));
            }
        }
        rows = next;
    }
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list_of(rows: &[Row<char>], place: usize) -> String {
        rows.iter().filter(|row| row.is_in[place]).map(|row| row.item).collect()
    }

    fn aligned_texts(texts: &[&str]) -> Vec<Row<char>> {
        aligned(&texts.iter().map(|text| text.chars().collect()).collect::<Vec<_>>())
    }

    #[test]
    fn common_items_have_common_rows() {
        let rows = aligned_texts(&["abz", "abcdz", "abcRdRz"]);
        assert_eq!(rows.iter().map(|row| row.item).collect::<String>(), "abcRdRz");
        assert_eq!(rows[3].is_in, [false, false, true]);
        assert_eq!(rows[4].is_in, [false, true, true]);
        assert_eq!((aligned_texts(&[]), aligned_texts(&["", ""])), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn each_list_is_its_rows_and_no_row_is_empty(texts in prop::collection::vec("[ab]{0,12}", 0..5)) {
            let rows = aligned_texts(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            for (place, text) in texts.iter().enumerate() {
                prop_assert_eq!(&list_of(&rows, place), text);
            }
            prop_assert!(rows.iter().all(|row| row.is_in.contains(&true)));
        }

        #[test]
        fn equal_lists_have_every_row_in_common(text in "[abc]{0,12}") {
            let rows = aligned_texts(&[&text, &text]);
            prop_assert_eq!(rows.len(), text.len());
        }
    }
}
