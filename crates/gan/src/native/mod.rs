//! The step of a multilayer perceptron GAN written out by hand for the CPU.
