//! The declarations of the drawn digits: for each shape, counts and digests.

use gansweep_config::{Dataset, DatasetSpec, ImageShape};

use crate::{
    DataError, Split,
    declaration::{Declaration, Format, GREY_28, Part},
    digest::Digest::{self, Sha256},
};

/// The number of training images of 28 and 32 pixels, which have the first random streams.
pub(super) const TRAIN_IMAGES: usize = 60_000;
/// The number of test images of 28 and 32 pixels.
pub(super) const TEST_IMAGES: usize = 10_000;
/// Fewer images of 64 pixels: every worker holds all of them, and these are 246 MB in colour.
const LARGE_TRAIN_IMAGES: usize = 20_000;
const LARGE_TEST_IMAGES: usize = 5_000;

const TRAIN_LABELS: Digest = Sha256("9da43bfe8f85ff945fecffe7ce264e461ca4e0b1bb7f0af52f905d035f66dd55");
const TEST_LABELS: Digest = Sha256("fb36f44b5f766559b7c4861e71a25690c6ed21319fc41cec7cd5ef96798f6acd");
const LARGE_TRAIN_LABELS: Digest = Sha256("eb906cf90e11278a6f0bf821d9bdf2af429b8a40a691512dabe24f271a2a5a8c");
const LARGE_TEST_LABELS: Digest = Sha256("fc18a52069860cef8d84d3f9256d8ffdae12bdd4c3e65d2699d022d49eb468b7");

/// Grey images of 28 pixels, as MNIST has them: the shape of `strokes` where no other is asked for.
pub(crate) static STROKES: Declaration = small(
    GREY_28,
    Sha256("b9bb54e0dabcdd6b95ad2a0eedf35637ce57eba5a0493c1a7640e5e25f0ab080"),
    Sha256("4110e1663056eb549b6efd1a6c63a2824cedc5c1a450c55ac5c05e03051c0136"),
);

/// All other shapes.
pub(super) static OTHERS: [Declaration; 5] = [
    small(
        shape(3, 28),
        Sha256("0ab76ecc33cf5511bd10230911759bfa4f41d6595b012092b260ebaaa1302b74"),
        Sha256("894ce0ff8dc567a2e42861e85c5dd4142aa84307d71edd106601ce793d8793b8"),
    ),
    small(
        shape(1, 32),
        Sha256("b6800e470ccad9800bf699fdc65071bdd871905e02398404437e2818248d0d89"),
        Sha256("e137ae74aefcdea294fc27245ead3b3623853fff8cf2a76323e9a8e391ded666"),
    ),
    small(
        shape(3, 32),
        Sha256("9909daafea49113b4b410f3f61bb4fac4a133967ea00dc49eec66bc9afcde28a"),
        Sha256("73b7998ec9f4248a1f64085c782a8dee5415192d7e3fb62a888df6284fc7b1af"),
    ),
    large(
        shape(1, 64),
        Sha256("4c7ff4ee49f9f8f7ad3ddb811075f44f4436f0825b82844fb00984752d7b8341"),
        Sha256("3ff50a9a9f09c43ffc252e81d5eeb511ab00d874b0645e721bf536b99cfa1fb0"),
    ),
    large(
        shape(3, 64),
        Sha256("dfb0863b9b50d8d1399e017d55a2092155836ce9d75cf83dfe15c176320c2a2b"),
        Sha256("e4cc10b8966e8c46589082976e28a747f61ce3664ed8579d9c564c56952187a8"),
    ),
];

/// The declaration of the files in the cache for images of that shape.
pub(super) fn declaration(shape: ImageShape) -> Result<&'static Declaration, DataError> {
    let mut all = [&STROKES].into_iter().chain(&OTHERS);
    all.find(|declared| declared.image == shape)
        .ok_or(DataError::NoSuchShape { dataset: Dataset::Strokes, shape })
}

/// The spec of the drawn digits in grey and with 28 pixels.
pub fn spec() -> DatasetSpec {
    STROKES.spec()
}

/// The random stream of the first image of a split. Those of test images are the same for every number of
/// training images.
pub(super) const fn first_stream(split: Split) -> usize {
    match split {
        Split::Train => 0,
        Split::Test => TRAIN_IMAGES,
    }
}

const fn shape(channels: u32, side: u32) -> ImageShape {
    ImageShape { channels, height: side, width: side }
}

const fn small(image: ImageShape, train: Digest, test: Digest) -> Declaration {
    let train = Part { count: TRAIN_IMAGES, images: train, labels: TRAIN_LABELS };
    declared(image, train, Part { count: TEST_IMAGES, images: test, labels: TEST_LABELS })
}

const fn large(image: ImageShape, train: Digest, test: Digest) -> Declaration {
    let train = Part { count: LARGE_TRAIN_IMAGES, images: train, labels: LARGE_TRAIN_LABELS };
    declared(image, train, Part { count: LARGE_TEST_IMAGES, images: test, labels: LARGE_TEST_LABELS })
}

const fn declared(image: ImageShape, train: Part, test: Part) -> Declaration {
    Declaration {
        dataset: Dataset::Strokes,
        format: Format::MNIST,
        torchvision: "",
        image,
        class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        mirrors: &[],
        train,
        test,
    }
}
