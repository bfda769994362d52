//! The cases are the recipes.

use std::path::Path;

use gansweep_experiment::{Experiment, LoadOptions, recipes};

use crate::case::Case;

#[test]
fn every_recipe_is_a_case_and_the_cases_train_what_the_recipes_say() {
    let cases = Case::all();
    for recipe in recipes::NAMES {
        let text = format!("name = \"{recipe}\"\nrecipe = \"{recipe}\"\n");
        let experiment = Experiment::parse(Path::new("recipe.toml"), text, &LoadOptions::default());
        let experiment = experiment.expect("a recipe alone is an experiment");
        let case = cases.iter().find(|case| case.name == recipe);
        let mut expected = case.unwrap_or_else(|| panic!("{recipe} has no case")).config.clone();
        // A case has fewer images, so that its few steps meet an epoch's end; for how long a recipe
        // trains is no matter of a step.
        expected.data.images = experiment.config.data.images;
        expected.train.epochs = experiment.config.train.epochs;
        assert_eq!(
            experiment.config.canonical(),
            expected.canonical(),
            "{recipe} has changed: change its case and make the golden values again (tests/golden/README.md)"
        );
    }
}
