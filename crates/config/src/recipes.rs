//! The recipes of the program: complete base configurations, by name.

/// The names of the recipes, in the order of the documentation.
pub const NAMES: [&str; 12] = [
    "fast",
    "dcgan",
    "wgan-gp",
    "lsgan",
    "conditional",
    "dcgan-color",
    "best-mlp",
    "best-conv",
    "realpython",
    "jovian",
    "coursera",
    "udacity",
];

/// The TOML text of the recipe with that name.
pub fn get(name: &str) -> Option<&'static str> {
    match name {
        "fast" => Some(include_str!("../recipes/fast.toml")),
        "dcgan" => Some(include_str!("../recipes/dcgan.toml")),
        "wgan-gp" => Some(include_str!("../recipes/wgan-gp.toml")),
        "lsgan" => Some(include_str!("../recipes/lsgan.toml")),
        "conditional" => Some(include_str!("../recipes/conditional.toml")),
        "dcgan-color" => Some(include_str!("../recipes/dcgan-color.toml")),
        "best-mlp" => Some(include_str!("../recipes/best-mlp.toml")),
        "best-conv" => Some(include_str!("../recipes/best-conv.toml")),
        "realpython" => Some(include_str!("../recipes/realpython.toml")),
        "jovian" => Some(include_str!("../recipes/jovian.toml")),
        "coursera" => Some(include_str!("../recipes/coursera.toml")),
        "udacity" => Some(include_str!("../recipes/udacity.toml")),
        _ => None,
    }
}
