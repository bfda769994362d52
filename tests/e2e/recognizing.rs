//! `gansweep recognize`, on small images of the user's own.

use std::fs;

use gansweep_config::ImageShape;
use serde_json::Value;

use crate::evaluating::{evaluated, images, pets, with_cache};
use crate::sandbox::{Ended, Sandbox};

fn recognize(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    with_cache(sandbox, &[&["recognize"], arguments, &["--path", "images"]].concat())
}

/// The first eight images as PNG files.
fn pictures(sandbox: &Sandbox) -> Vec<String> {
    let bytes = images(8);
    let (header, pixels) = bytes.split_at(16);
    let side = u32::from_be_bytes(header[8..12].try_into().unwrap());
    let of = |(index, pixels): (usize, &[u8])| {
        let name = format!("{index}.png");
        let shape = ImageShape { channels: 1, height: side, width: side };
        sandbox.write(&name, gansweep_data::grid(pixels, shape, 1, 1).unwrap().0);
        name
    };
    pixels.chunks_exact((side * side) as usize).enumerate().map(of).collect()
}

#[test]
fn pictures_are_recognised_and_those_that_are_none_are_told() {
    let sandbox = evaluated();
    let pictures = pictures(&sandbox);
    let names: Vec<&str> = pictures.iter().map(String::as_str).collect();
    let ended = recognize(&sandbox, &[&["--dataset", "idx"], &names[..]].concat()).well();
    for (index, line) in ended.stdout.lines().enumerate() {
        assert!(line.starts_with(&format!("{index}.png: {} (", index % 4)), "{line}");
    }
    assert_eq!(ended.stdout.lines().count(), 8);

    sandbox.write("text.png", "a text");
    sandbox.write("empty.png", "");
    fs::create_dir(sandbox.path("folder.png")).unwrap();
    let others = ["text.png", "missing.png", "empty.png", "folder.png", "3.png"];
    let ended = recognize(&sandbox, &[&["--dataset", "idx"], &others[..]].concat());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "text.png: its content is neither PNG nor JPEG");
    assert!(lines[1].starts_with("missing.png: No such file"), "{}", lines[1]);
    assert_eq!(lines[2], "empty.png: it is empty");
    assert_eq!(lines[3], "folder.png: it is no file");
    assert!(lines[4].starts_with("3.png: 3 ("), "{}", lines[4]);
    recognize(&sandbox, &["3.png", "--dataset", "minst"]).refused(&["minst", "mnist"]);
}

#[test]
fn a_runs_discriminator_says_how_real_a_picture_looks() {
    let sandbox = evaluated();
    let pictures = pictures(&sandbox);
    let run = sandbox.runs_of("tiny")[2].id.to_string();
    let ended = recognize(&sandbox, &[&pictures[0], "--run", &run[..8], "--json"]).well();
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&found["dataset"], &found["pictures"][0]["classes"][0]["class"]),
        (&"idx".into(), &"0".into())
    );
    let realness = &found["pictures"][0]["realness"];
    assert!(realness["logit"].as_f64().is_some_and(f64::is_finite), "{realness}");
    for name in ["above_real", "above_generated"] {
        assert!(realness[name].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{realness}");
    }
    let text = recognize(&sandbox, &[&pictures[0], "--run", &run[..8]]).well().stdout;
    assert!(text.contains("to the discriminator"), "{text}");
    recognize(&sandbox, &[&pictures[0], "--run", "ffffffff"]).refused(&["ffffffff"]);
}

#[test]
fn a_discriminator_is_asked_about_pictures_without_classes_too() {
    let sandbox = pets(&[], &[]);
    let run = sandbox.runs_of("pets")[0].id.to_string();
    sandbox.write("text.png", "a text");
    let pictures = ["study/pictures/0.png", "text.png"];
    let ended = with_cache(&sandbox, &[&["recognize", "--run", &run[..8]], &pictures[..]].concat());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stdout.starts_with("study/pictures/0.png: to the discriminator (logit "), "{ended:#?}");
    assert!(ended.stdout.contains("\ntext.png: its content is neither"), "{ended:#?}");
    assert!(ended.stderr.contains("the images of folder have no classes"), "{ended:#?}");
    let alone = ["recognize", pictures[0], "--dataset", "folder", "--path", "study/pictures"];
    with_cache(&sandbox, &alone).refused(&["folder have no classes"]);
}
