//! Weights that are divided by their spectral norms.

use gansweep_nn::network::{Condition, Conv2d, ConvTranspose2d, Entry, Layer, Network, Role};

use super::super::tape::{Tape, Vars};
use super::Oracle;

/// Where an entry of a weight's matrix is in the weight, by its row and its column.
type Place = Box<dyn Fn(usize, usize) -> usize>;

/// A weight that is divided by its spectral norm.
struct Normalised {
    /// The names of the weight, of its singular vectors, and of what the layer multiplies by.
    weight: String,
    vectors: [String; 2],
    layer: String,
    /// Rows and columns of the weight as a matrix, and the place of each of its entries.
    sides: [usize; 2],
    place: Place,
}

impl Normalised {
    fn new(role: Role, module: &str, sides: [usize; 2], place: Place) -> Self {
        let layer = format!("{}.{module}", role.name());
        Self {
            weight: format!("{layer}.parametrizations.weight.original"),
            vectors: ["_u", "_v"].map(|it| format!("{layer}.parametrizations.weight.0.{it}")),
            layer: format!("{layer}.weight"),
            sides,
            place,
        }
    }

    /// The places of the weight's entries, with their derivatives of the norm.
    fn entries<'a>(&'a self, u: &'a [f64], v: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
        let [outputs, inputs] = self.sides;
        (0..outputs).flat_map(move |o| (0..inputs).map(move |i| ((self.place)(o, i), u[o] * v[i])))
    }
}

impl Oracle {
    /// Every array as constants, and the weight of each layer, which may be a formula of one.
    pub(super) fn vars(&self, tape: &mut Tape) -> Vars {
        let mut vars: Vars =
            self.arrays.iter().map(|(name, values)| (name.clone(), tape.leaves(values))).collect();
        for norm in self.spectral_norms() {
            let (weight, [u, v]) =
                (&vars[&norm.weight], norm.vectors.each_ref().map(|name| &self.arrays[name]));
            let sigma: f64 = norm.entries(u, v).map(|(place, factor)| weight[place].value * factor).sum();
            let sigma = tape.var(sigma, norm.entries(u, v).map(|(place, factor)| (weight[place], factor)));
            let inverse = tape.var(1.0 / sigma.value, [(sigma, -1.0 / sigma.value.powi(2))]);
            let divided = weight.iter().map(|&weight| tape.mul(weight, inverse)).collect();
            vars.insert(norm.layer, divided);
        }
        vars
    }

    /// One power iteration for every weight that is divided by its norm.
    pub(super) fn iterate(&mut self) {
        self.iterate_all("");
    }

    /// The same for the averages of weights.
    pub(super) fn iterate_averages(&mut self) {
        self.iterate_all("ema.");
    }

    fn iterate_all(&mut self, prefix: &str) {
        for norm in self.spectral_norms().into_iter().filter(|_| self.iterates) {
            let [name_u, name_v] = norm.vectors.each_ref().map(|name| format!("{prefix}{name}"));
            let Some(weight) = self.arrays.get(&format!("{prefix}{}", norm.weight)).cloned() else {
                continue;
            };
            let [outputs, inputs] = norm.sides;
            let unit = |vector: Vec<f64>| -> Vec<f64> {
                let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
                vector.iter().map(|x| x / norm).collect()
            };
            let v = &self.arrays[&name_v];
            let u = unit(
                (0..outputs).map(|o| (0..inputs).map(|i| weight[(norm.place)(o, i)] * v[i]).sum()).collect(),
            );
            let v = unit(
                (0..inputs).map(|i| (0..outputs).map(|o| weight[(norm.place)(o, i)] * u[o]).sum()).collect(),
            );
            self.arrays.extend([(name_u, u), (name_v, v)]);
        }
    }

    /// The weights that are divided by their norms.
    fn spectral_norms(&self) -> Vec<Normalised> {
        let mut all = Vec::new();
        for role in Role::BOTH {
            let network = Network::of(role, &self.lane.config, &self.lane.spec).unwrap();
            for (index, node) in network.nodes.iter().enumerate().filter(|_| network.spectral_norm) {
                let channels = node.input[0];
                let (sides, place): ([usize; 2], Place) = match node.layer {
                    Layer::Linear(_) => {
                        let inputs = node.inputs();
                        ([node.outputs(), inputs], Box::new(move |o, i| o * inputs + i))
                    }
                    Layer::Conv2d(Conv2d { outputs, window, .. }) => {
                        let inputs = channels * window.kernel.pow(2);
                        ([outputs, inputs], Box::new(move |o, i| o * inputs + i))
                    }
                    Layer::ConvTranspose2d(ConvTranspose2d { outputs, window, .. }) => {
                        let taps = window.kernel.pow(2);
                        let place = move |o, i| i / taps * outputs * taps + o * taps + i % taps;
                        ([outputs, channels * taps], Box::new(place))
                    }
                    _ => continue,
                };
                all.push(Normalised::new(role, &index.to_string(), sides, place));
            }
            let projection = network.condition.filter(|condition| condition.entry == Entry::Projection);
            if let Some(Condition { classes, width, .. }) = projection.filter(|_| network.spectral_norm) {
                let place = Box::new(move |o, i| o * width + i);
                all.push(Normalised::new(role, Condition::MODULE, [classes, width], place));
            }
        }
        all
    }
}
