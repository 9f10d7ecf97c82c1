//! Operators written in Rust.

use std::fmt;

use spinel_sys as sys;

use crate::attributes::{AttributeType, Attributes};
use crate::dtype::DType;
use crate::error::Result;
use crate::op_run::OpRun;

/// A dim of an input before running. One that is neither known nor [`UNKNOWN`](Dim::UNKNOWN) stands for an expression over the
/// model's dynamic dims, which can be passed on to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim(pub(crate) i64);

impl Dim {
    /// Only running tells it.
    pub const UNKNOWN: Dim = Dim(sys::SPINEL_DIM_UNKNOWN as i64);

    /// The number, if it is known.
    pub fn known(self) -> Option<usize> {
        usize::try_from(self.0).ok()
    }
}

impl From<usize> for Dim {
    fn from(dim: usize) -> Self {
        Dim(i64::try_from(dim).unwrap_or(i64::MAX))
    }
}

/// An input of a [`CustomOp`]. A name alone is one of any type: `.input("x")`.
#[derive(Clone, Debug)]
#[must_use]
pub struct OpInput {
    pub(crate) name: String,
    pub(crate) dtypes: Vec<i32>,
    pub(crate) optional: bool,
    pub(crate) whole: bool,
}

impl OpInput {
    /// One of any type.
    pub fn new(name: impl Into<String>) -> Self {
        OpInput { name: name.into(), dtypes: Vec::new(), optional: false, whole: false }
    }

    /// The types that it takes.
    pub fn dtypes(mut self, dtypes: &[DType]) -> Self {
        self.dtypes = dtypes.iter().map(|dtype| dtype.number()).collect();
        self
    }

    /// The node may leave it out.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Where rows are independent: every row may depend on all of it.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

impl From<&str> for OpInput {
    fn from(name: &str) -> Self {
        OpInput::new(name)
    }
}

/// An output of a [`CustomOp`]. A name alone is one of the type of input 0: `.output("y")`.
#[derive(Clone, Debug)]
#[must_use]
pub struct OpOutput {
    pub(crate) name: String,
    pub(crate) dtype: Option<DType>,
    pub(crate) same_as: usize,
    pub(crate) optional: bool,
}

impl OpOutput {
    /// One of the type of input 0.
    pub fn new(name: impl Into<String>) -> Self {
        OpOutput { name: name.into(), dtype: None, same_as: 0, optional: false }
    }

    /// Always of this type.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Of the type of this input.
    pub fn same_as(mut self, input: usize) -> Self {
        self.same_as = input;
        self
    }

    /// The node may leave it out.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

impl From<&str> for OpOutput {
    fn from(name: &str) -> Self {
        OpOutput::new(name)
    }
}

type Compute = dyn Fn(&OpRun<'_>) -> Result<()> + Send + Sync;
type Shapes = dyn Fn(&[Option<Vec<Dim>>], &Attributes) -> Result<Vec<Option<Vec<Dim>>>> + Send + Sync;

/// An operator that ONNX lacks, for [`OpSet::add`](crate::OpSet::add). Several threads compute at once; a panic fails the run.
///
/// ```no_run
/// use spinel::{AttributeType, CustomOp, Engine, Error, OpSet};
///
/// let scale = CustomOp::new("custom", "Scale", |run| {
///     let x = run.input(0).ok_or_else(|| Error::new(spinel::ErrorCode::InvalidArgument, "x is left out"))?;
///     let factor = run.attributes().float("factor").unwrap_or(1.0);
///     for (y, x) in run.output::<f32>(0, x.shape())?.iter_mut().zip(x.as_slice::<f32>()?) {
///         *y = factor * x;
///     }
///     Ok(())
/// })
/// .input("x")
/// .output("y")
/// .attribute("factor", AttributeType::Float)
/// .shapes(|inputs, _| Ok(vec![inputs[0].clone()]))
/// .rows_independent(true);
/// let mut operators = OpSet::new()?;
/// operators.add(scale)?;
/// let engine = Engine::builder().custom_ops(operators).load("model.onnx")?;
/// # Ok::<(), spinel::Error>(())
/// ```
#[must_use]
pub struct CustomOp {
    pub(crate) domain: String,
    pub(crate) name: String,
    pub(crate) since_version: u32,
    pub(crate) variadic: bool,
    pub(crate) inputs: Vec<OpInput>,
    pub(crate) outputs: Vec<OpOutput>,
    pub(crate) attributes: Vec<(String, AttributeType, bool)>,
    pub(crate) rows_independent: bool,
    pub(crate) float16: bool,
    pub(crate) indeterminate: bool,
    pub(crate) shapes: Option<Box<Shapes>>,
    pub(crate) compute: Box<Compute>,
}

impl CustomOp {
    /// An operator of the domain, as in the model ("" is ONNX's own), whose outputs the function computes.
    pub fn new(
        domain: impl Into<String>,
        name: impl Into<String>,
        compute: impl Fn(&OpRun<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        CustomOp {
            domain: domain.into(),
            name: name.into(),
            since_version: 1,
            variadic: false,
            inputs: Vec::new(),
            outputs: Vec::new(),
            attributes: Vec::new(),
            rows_independent: false,
            float16: false,
            indeterminate: false,
            shapes: None,
            compute: Box::new(compute),
        }
    }

    /// The next input.
    pub fn input(mut self, input: impl Into<OpInput>) -> Self {
        self.inputs.push(input.into());
        self
    }

    /// The next output.
    pub fn output(mut self, output: impl Into<OpOutput>) -> Self {
        self.outputs.push(output.into());
        self
    }

    /// An attribute that a node may have.
    pub fn attribute(mut self, name: impl Into<String>, kind: AttributeType) -> Self {
        self.attributes.push((name.into(), kind, false));
        self
    }

    /// An attribute that every node must have.
    pub fn required_attribute(mut self, name: impl Into<String>, kind: AttributeType) -> Self {
        self.attributes.push((name.into(), kind, true));
        self
    }

    /// The last input may be given any number of times.
    pub fn variadic(mut self, yes: bool) -> Self {
        self.variadic = yes;
        self
    }

    /// The oldest opset version of the domain that this is for: of equal names the newest that is not above the model's is
    /// taken. The default is 1.
    pub fn since_version(mut self, version: u32) -> Self {
        self.since_version = version;
        self
    }

    /// A batch may be cut: row i along axis 0 of every output depends on row i of each input that is not declared whole.
    pub fn rows_independent(mut self, yes: bool) -> Self {
        self.rows_independent = yes;
        self
    }

    /// It computes in float16 where a model is converted; the default stays in float32.
    pub fn float16(mut self, yes: bool) -> Self {
        self.float16 = yes;
        self
    }

    /// Equal inputs may give different outputs.
    pub fn indeterminate(mut self, yes: bool) -> Self {
        self.indeterminate = yes;
        self
    }

    /// The shapes of the outputs, as far as they are known before running, from those of the inputs; `None` is an unknown rank,
    /// or an input that is left out. Without it only running tells them.
    pub fn shapes(
        mut self,
        shapes: impl Fn(&[Option<Vec<Dim>>], &Attributes) -> Result<Vec<Option<Vec<Dim>>>> + Send + Sync + 'static,
    ) -> Self {
        self.shapes = Some(Box::new(shapes));
        self
    }
}

impl fmt::Debug for CustomOp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CustomOp {}::{}", self.domain, self.name)
    }
}
