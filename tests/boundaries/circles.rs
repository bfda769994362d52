//! No circle of files: within a crate, what a file names leads down, never back to the file.
//!
//! Sources are parsed, and every path that begins in the crate (`crate::`, `super::`, `self::`, or the name of
//! a child module) is followed to the file that has the item, through re-exports. A `mod` line is no arrow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};

use super::{ORDER, root, sources};

/// The path of a module within its crate: empty for `lib.rs` and `main.rs`.
type Module = Vec<String>;

#[test]
fn no_file_leads_back_to_itself() {
    let found: Vec<String> = ORDER.iter().flat_map(|name| circles(name)).collect();
    assert!(found.is_empty(), "these files name each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn a_circle_would_be_found() {
    let parse = |source: &str| Names::of(&syn::parse_file(source).unwrap());
    let module = |text: &str| -> Module { text.split("::").map(str::to_owned).collect() };
    let files = BTreeMap::from([
        (Module::new(), parse("mod a; mod b; pub use a::Outer; pub use b::inner::Inner;")),
        (module("a"), parse("use crate::Inner; pub struct Outer(Inner);")),
        (module("b"), parse("pub(crate) mod inner; mod within { use super::inner::Inner; }")),
        (module("b::inner"), parse("pub struct Inner; fn f() -> super::super::Outer { loop {} }")),
    ]);
    assert_eq!(strongly_connected(&arrows(&files)), [BTreeSet::from([module("a"), module("b::inner")])]);
    let tests_only = parse("pub struct Inner; #[cfg(test)] mod tests { fn f(_: crate::Outer) {} }");
    let files = files.into_iter().map(|(path, names)| match path == module("b::inner") {
        true => (path, tests_only.clone()),
        false => (path, names),
    });
    assert_eq!(strongly_connected(&arrows(&files.collect())), []);
}

fn circles(name: &str) -> Vec<String> {
    let folder = root().join("crates").join(name).join("src");
    let files = sources(&folder).into_iter().map(|file| {
        let parsed = syn::parse_file(&std::fs::read_to_string(&file).unwrap());
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (module_of(file.strip_prefix(&folder).unwrap()), Names::of(&parsed))
    });
    let circles = strongly_connected(&arrows(&files.collect()));
    let text = |circle: BTreeSet<Module>| {
        let names: Vec<_> = circle.iter().map(|module| format!("{name}::{}", module.join("::"))).collect();
        names.join(", ")
    };
    circles.into_iter().map(text).collect()
}

fn module_of(file: &Path) -> Module {
    let mut parts: Module =
        file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// What a file names, tests left out.
#[derive(Debug, Clone, Default)]
struct Names {
    /// Every path, as it is written.
    used: BTreeSet<Vec<String>>,
    /// What a file makes known under a name: `pub use a::B` is `B` and `a::B`.
    exported: BTreeMap<String, Vec<String>>,
    /// Items that the file itself has.
    own: BTreeSet<String>,
    /// How many modules within the file the visitor is in.
    depth: usize,
}

impl Names {
    fn of(file: &syn::File) -> Self {
        let mut names = Self::default();
        names.visit_file(file);
        names.own = file.items.iter().filter_map(name_of).collect();
        names
    }

    fn use_tree(&mut self, tree: &syn::UseTree, mut before: Vec<String>, exported: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before, exported);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, before.clone(), exported));
            }
            syn::UseTree::Name(name) => self.used_as(before, &name.ident, &name.ident, exported),
            syn::UseTree::Rename(name) => self.used_as(before, &name.ident, &name.rename, exported),
            syn::UseTree::Glob(_) if exported => {
                self.exported.insert(format!("*{}", before.join("::")), before);
            }
            syn::UseTree::Glob(_) => self.uses(before),
        }
    }

    fn used_as(&mut self, mut path: Vec<String>, name: &syn::Ident, rename: &syn::Ident, exported: bool) {
        if name != "self" {
            path.push(name.to_string());
        }
        // A re-export only passes on what it names.
        if exported {
            self.exported.insert(rename.to_string(), path);
        } else {
            self.uses(path);
        }
    }

    /// Within a module of the file itself, `super` is the file, and only what leads out of it counts.
    fn uses(&mut self, path: Vec<String>) {
        let ups = path.iter().take_while(|part| *part == "super").count();
        if self.depth == 0 || path.first().is_some_and(|first| first == "crate") {
            self.used.insert(path);
        } else if ups > self.depth {
            self.used.insert(path[self.depth..].to_vec());
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.use_tree(&item.tree, Vec::new(), exported);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    /// `pub(super)` names a module and nothing of it.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.uses(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    let is_test = |attribute: &&syn::Attribute| {
        let list = attribute.meta.require_list().ok();
        list.is_some_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    };
    attributes.iter().any(|attribute| is_test(&attribute))
}

fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Which files each file leads to.
fn arrows(files: &BTreeMap<Module, Names>) -> BTreeMap<Module, BTreeSet<Module>> {
    let targets = |(module, names): (&Module, &Names)| {
        let absolute = names.used.iter().filter_map(|path| absolute(files, module, path));
        let targets = absolute.map(|path| resolve(files, &path, 0)).filter(|target| target != module);
        (module.clone(), targets.collect())
    };
    files.iter().map(targets).collect()
}

/// A path from the root of the crate; `None` if it leads elsewhere.
fn absolute(files: &BTreeMap<Module, Names>, module: &Module, path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let mut base = module.clone();
    match first.as_str() {
        "crate" => return Some(rest.to_vec()),
        "self" => {}
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            base.truncate(base.len().checked_sub(ups)?);
            return Some([base, path[ups..].to_vec()].concat());
        }
        _ => {
            base.push(first.clone());
            return files.contains_key(&base).then(|| [base, rest.to_vec()].concat());
        }
    }
    Some([base, rest.to_vec()].concat())
}

/// The file that has the item, through as many re-exports as there may be.
fn resolve(files: &BTreeMap<Module, Names>, path: &[String], depth: usize) -> Module {
    let known = (0..=path.len()).rev().find(|&length| files.contains_key(&path[..length])).unwrap_or(0);
    let (module, rest) = path.split_at(known);
    let (Some(name), true) = (rest.first(), depth < 8) else { return module.to_vec() };
    let names = &files[module];
    let follow = |to: &Vec<String>| {
        let to = absolute(files, &module.to_vec(), to)?;
        Some(resolve(files, &[&to[..], &rest[1..]].concat(), depth + 1))
    };
    if let Some(found) = names.exported.get(name).and_then(follow) {
        return found;
    }
    let globs = names.exported.iter().filter(|(name, _)| name.starts_with('*'));
    let mut within = globs.filter_map(|(_, to)| absolute(files, &module.to_vec(), to));
    let owner = within.find(|to| files.get(to).is_some_and(|names| names.own.contains(name)));
    owner.unwrap_or_else(|| module.to_vec())
}

/// Sets of more than one file in which each leads to each.
fn strongly_connected(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reachable = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for to in arrows.get(module).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> =
        arrows.keys().map(|module| (module, reachable(module))).collect();
    let mut circles: Vec<BTreeSet<Module>> = Vec::new();
    for (&module, reached) in &reach {
        let back = reached.iter().filter(|other| reach.get(other).is_some_and(|it| it.contains(module)));
        let circle: BTreeSet<Module> = back.cloned().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}
