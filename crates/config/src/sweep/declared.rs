//! An axis of the merged layers.

use super::Axis;
use crate::axis::{AxisSpec, AxisValues};
use crate::draw::Draw;
use crate::parsed_layer::ParsedAxis;
use crate::{Fault, Layer, Problem};

/// How values are drawn.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) seed: u64,
    pub(super) n: usize,
}

/// An axis with the layer that it comes from.
pub(super) struct Declared<'g> {
    pub(super) axis: &'g ParsedAxis,
    pub(super) layer: &'g Layer,
}

impl Declared<'_> {
    /// The axis with its values, drawn if need be.
    pub(super) fn resolve(&self, Drawn { seed, n }: Drawn) -> Axis {
        let ParsedAxis { key, spec, place, .. } = self.axis;
        let AxisSpec { values, names } = spec;
        let (values, draw) = match values {
            AxisValues::Listed(values) => (values.clone(), None),
            AxisValues::Drawn(draw) => (draw.values(seed, key.path, n), Some(draw.clone())),
        };
        Axis { key, values, place: place.clone(), layer: self.layer.clone(), draw, names: names.clone() }
    }

    /// Whether a value is one width for every layer: the number of layers is then that of the config it is assigned to.
    pub(super) fn has_widths(&self) -> bool {
        let (AxisValues::Listed(values) | AxisValues::Drawn(Draw::Choice(values))) = &self.axis.spec.values
        else {
            return false;
        };
        values.iter().any(|value| value.as_width().is_some())
    }

    fn path(&self) -> String {
        format!("{}.\"{}\"", self.axis.kind.table(), self.axis.key.path)
    }

    /// A fault of the axis, at its place.
    pub(super) fn fault(&self, problem: Problem) -> Fault {
        Fault::new(self.axis.place.clone(), Some(self.layer.clone()), self.path(), problem)
    }
}
