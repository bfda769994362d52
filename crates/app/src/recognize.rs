//! Says what pictures show, by the classifier that quality figures are computed with.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use gansweep_base::host;
use gansweep_config::{ClassNames, DataRequest, Dataset, ImageShape};
use gansweep_data::{DataError, DataSource, character, fitted};
use gansweep_evaluator::Evaluator;
use gansweep_protocol::SampleSource;
use gansweep_store::{DatasetRow, Reader};
use gansweep_train::classes_in_turn;
use gansweep_train::generate::{self, Draw};
use serde::Serialize;

use crate::checkpoint::{WhichCheckpoint, read_checkpoint};
use crate::log::LoggingObserver;
use crate::recorded_images::RecordedImages;
use crate::{AppError, Observer, backends, data, evaluate};

/// The most bytes of a picture's file.
const MAX_FILE: u64 = 256 << 20;
/// Real and generated images that a picture is compared with in the eyes of a discriminator.
const COMPARED: usize = 1_000;
/// Seed of the latents of the generated ones.
const LATENT_SEED: u64 = 0;

/// Which pictures to recognise, and by what.
#[derive(Debug, Clone)]
pub struct RecognizeRequest {
    /// Files of PNG or JPEG.
    pub pictures: Vec<PathBuf>,
    /// The dataset whose classes are recognised, and the shape of its images; without effect if a run is asked.
    pub asked: DataRequest,
    /// A run whose discriminator is asked too: its id or the beginning of it.
    pub run: Option<String>,
    /// Folder of the database and the checkpoints.
    pub results: PathBuf,
    /// Where the real images are. Without a folder of the user's own images, that of the run's experiment is used.
    pub source: DataSource,
}

/// What pictures show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recognition {
    /// The dataset whose classes are recognised.
    pub dataset: Dataset,
    /// Whether it has classes.
    pub has_classes: bool,
    /// Share of the dataset's test images that are recognised correctly.
    pub test_accuracy: Option<f64>,
    /// The label of the run that was asked.
    pub run: Option<String>,
    /// The pictures, in the order of the request.
    pub pictures: Vec<RecognizedPicture>,
}

/// A picture and what it shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecognizedPicture {
    /// The file.
    pub path: PathBuf,
    /// All classes, the most probable first; empty if the picture cannot be used, or the dataset has no classes.
    pub classes: Vec<ClassProbability>,
    /// How real a run's discriminator takes it to be.
    pub realness: Option<Realness>,
    /// Why it cannot be used.
    pub problem: Option<String>,
    /// The picture as an image of the dataset.
    #[serde(skip)]
    image: Vec<u8>,
    /// The number of its most probable class.
    #[serde(skip)]
    class: u16,
}

/// A class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassProbability {
    /// The name of the class; its number, where the dataset has no names.
    pub class: String,
    /// From 0 to 1.
    pub probability: f64,
}

/// What a discriminator says of a picture. That of a conditional run takes it to be of its most probable class. Its output alone says little, since each loss gives it another scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Realness {
    /// The output, before any sigmoid.
    pub logit: f64,
    /// Share of real images that it takes for less real.
    pub above_real: f64,
    /// Share of the run's generated images that it takes for less real.
    pub above_generated: f64,
}

/// Recognises pictures. One that cannot be used keeps no other from being recognised.
///
/// # Errors
/// A run or data that are not there; a dataset without classes, unless a run is asked too.
pub fn recognize(request: &RecognizeRequest, observer: &mut dyn Observer) -> Result<Recognition, AppError> {
    let observer: &mut dyn Observer = &mut LoggingObserver(observer);
    let judge = request.run.as_ref().map(|run| Judge::open(request, run)).transpose()?;
    if let Some(judge) = judge {
        let recognition = judge.recognition(request, observer);
        return recognition.map_err(|error| judge.images.explained(error));
    }
    let row = dataset(request.asked, &request.source, observer)?;
    let recognition = of_classes(request, &row, &request.source, observer)?;
    match recognition.has_classes {
        true => Ok(recognition),
        false => Err(AppError::NoClasses { dataset: row.dataset.name() }),
    }
}

/// The pictures with their classes, if the dataset has some.
fn of_classes(
    request: &RecognizeRequest,
    row: &DatasetRow,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<Recognition, AppError> {
    let evaluator = evaluate::evaluator_of(row, source, observer)?;
    let pictures = request.pictures.iter().map(|path| recognized(path, row, &evaluator)).collect();
    Ok(Recognition {
        dataset: row.dataset,
        has_classes: evaluator.is_trained(),
        test_accuracy: evaluator.test_accuracy(),
        run: None,
        pictures,
    })
}

fn dataset(
    asked: DataRequest,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<DatasetRow, AppError> {
    let (spec, dataset) = (data::spec(source, asked, observer)?, asked.dataset);
    match asked.agrees_with(spec.image) {
        true => Ok(DatasetRow { dataset, spec }),
        false => Err(DataError::OtherShape { dataset, shape: spec.image }.into()),
    }
}

fn recognized(path: &Path, row: &DatasetRow, evaluator: &Evaluator) -> RecognizedPicture {
    let mut picture = RecognizedPicture {
        path: path.to_owned(),
        classes: Vec::new(),
        realness: None,
        problem: None,
        image: Vec::new(),
        class: 0,
    };
    match read(path).and_then(|bytes| prepared(&bytes, row.dataset, row.spec.image)) {
        Ok(image) => {
            let probabilities = evaluator.outputs(&image).probabilities.unwrap_or_default();
            picture.class = most_probable(&probabilities);
            picture.classes = ranked(&probabilities, &row.spec.class_names);
            picture.image = image;
        }
        Err(problem) => picture.problem = Some(problem),
    }
    picture
}

/// The content of a picture's file, or why it cannot be read.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let is_file = fs::metadata(path).map_err(|error| error.to_string())?.is_file();
    if !is_file {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > MAX_FILE {
        true => Err(format!("it has more than {} MiB", MAX_FILE >> 20)),
        false => Ok(bytes),
    }
}

/// A picture as an image of a dataset: handwriting is looked for on the page, anything else is taken to fill it.
fn prepared(bytes: &[u8], dataset: Dataset, shape: ImageShape) -> Result<Vec<u8>, String> {
    let is_handwriting = matches!(
        dataset,
        Dataset::Mnist
            | Dataset::EmnistDigits
            | Dataset::EmnistLetters
            | Dataset::EmnistBalanced
            | Dataset::Strokes
    );
    if is_handwriting && shape.channels == 1 && shape.height == shape.width {
        return character(bytes, shape.width).map_err(|error| error.to_string());
    }
    fitted(bytes, shape)
}

fn most_probable(probabilities: &[f32]) -> u16 {
    let best = probabilities.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    best.map_or(0, |(class, _)| class as u16)
}

fn ranked(probabilities: &[f32], names: &ClassNames) -> Vec<ClassProbability> {
    let class = |(class, probability): (usize, &f32)| ClassProbability {
        class: names.name(class),
        probability: f64::from(*probability),
    };
    let mut classes: Vec<ClassProbability> = probabilities.iter().enumerate().map(class).collect();
    classes.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    classes
}

/// A run's discriminator.
struct Judge {
    label: String,
    config: gansweep_config::Config,
    data: DatasetRow,
    state: gansweep_nn::state::LaneState,
    images: RecordedImages,
}

impl Judge {
    fn open(request: &RecognizeRequest, run: &str) -> Result<Self, AppError> {
        let reader = Reader::open(&request.results)?;
        let run = reader.run(run)?;
        let config = run.typed_config()?;
        let data = reader.dataset(&run.data_fingerprint)?;
        let last = WhichCheckpoint::Last;
        let snapshot = read_checkpoint(&reader, &run, last, &config, &data.spec, &request.results)?;
        let images = RecordedImages::of(&reader, run.sweep.as_deref(), &request.source)?;
        Ok(Self { label: run.label, config, data, state: snapshot.state, images })
    }

    /// The pictures with what the discriminator says of them, and their classes, if the run's dataset has some.
    fn recognition(
        &self,
        request: &RecognizeRequest,
        observer: &mut dyn Observer,
    ) -> Result<Recognition, AppError> {
        self.images.check(&self.data, observer)?;
        let mut recognition = of_classes(request, &self.data, &self.images.source, observer)?;
        self.judge(&mut recognition.pictures, observer)?;
        Ok(Recognition { run: Some(self.label.clone()), ..recognition })
    }

    fn judge(&self, pictures: &mut [RecognizedPicture], observer: &mut dyn Observer) -> Result<(), AppError> {
        let Self { config, data, state, images, .. } = self;
        let (train, test) = evaluate::images(data, &images.source, observer)?;
        let real = test.unwrap_or(train);
        let pixels = evaluate::select(&real.pixels, data.spec.image.size(), COMPARED);
        let labels = evaluate::select(&real.labels, 1, COMPARED);
        let open = &backends::open_on_cpu;
        let source = SampleSource::Raw;
        let classes = classes_in_turn(&data.spec, COMPARED);
        let latents = &generate::latents(config, COMPARED, LATENT_SEED);
        let draw = Draw { config, spec: &data.spec, state, classes: &classes, latents, source };
        let fakes = draw.images(open, host::threads())?;
        let logits = |images: &[u8], classes: &[u16]| {
            generate::logits(open, config, &data.spec, state, images, classes)
        };
        let (real, fakes) = (logits(&pixels, &labels)?, logits(&fakes, &classes)?);
        for picture in pictures.iter_mut().filter(|picture| picture.problem.is_none()) {
            let logit = logits(&picture.image, &[picture.class])?.first().copied().unwrap_or(f32::NAN);
            let above = |others: &[f32]| {
                others.iter().filter(|other| **other < logit).count() as f64 / others.len() as f64
            };
            picture.realness = Some(Realness {
                logit: f64::from(logit),
                above_real: above(&real),
                above_generated: above(&fakes),
            });
        }
        Ok(())
    }
}
