//! What each step of a build came to, beside the image: for who has to find the step at fault.

use super::layer::Layer;
use crate::model::image::BuiltImage;

/// A step that could make a layer, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedStep {
    /// From 1, over all stages.
    pub number: u32,
    /// The Dockerfile's line, from 1.
    pub line: u32,
    /// The instruction on one line.
    pub text: String,
    /// Its layer; none if it changed nothing.
    pub layer: Option<Layer>,
}

/// An image, and how it came to be.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The image.
    pub image: BuiltImage,
    /// Its steps that could make layers, of all stages, by their numbers.
    pub steps: Vec<TracedStep>,
}
