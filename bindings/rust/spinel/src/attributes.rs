//! What an operator is told about its node.

use std::collections::HashMap;

use spinel_sys as sys;

use crate::error::{Error, ErrorCode, Result};
use crate::tensor::Tensor;
use crate::text::c_text;
use crate::view::TensorView;

/// Types of attributes of a [`CustomOp`](crate::CustomOp).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttributeType {
    /// `f32`
    Float,
    /// `i64`
    Int,
    /// A text.
    String,
    /// A tensor.
    Tensor,
    /// Several `f32`.
    Floats,
    /// Several `i64`.
    Ints,
    /// Several texts.
    Strings,
}

impl AttributeType {
    pub(crate) fn number(self) -> i32 {
        match self {
            AttributeType::Float => sys::SPINEL_ATTRIBUTE_FLOAT,
            AttributeType::Int => sys::SPINEL_ATTRIBUTE_INT,
            AttributeType::String => sys::SPINEL_ATTRIBUTE_STRING,
            AttributeType::Tensor => sys::SPINEL_ATTRIBUTE_TENSOR,
            AttributeType::Floats => sys::SPINEL_ATTRIBUTE_FLOATS,
            AttributeType::Ints => sys::SPINEL_ATTRIBUTE_INTS,
            AttributeType::Strings => sys::SPINEL_ATTRIBUTE_STRINGS,
        }
    }
}

#[derive(Clone, Debug)]
enum Value {
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(Tensor),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// The attributes that a node has, of those that its operator declares. Each is `None` if the node lacks it or it was declared
/// with another type.
#[derive(Clone, Debug, Default)]
pub struct Attributes(HashMap<String, Value>);

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($value:ident) => $kind:ty, $out:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, name: &str) -> Option<$kind> {
            match self.0.get(name) {
                Some(Value::$variant($value)) => Some($out),
                _ => None,
            }
        }
    )*};
}

impl Attributes {
    getters! {
        /// An [`AttributeType::Float`].
        float: Float(value) => f32, *value;
        /// An [`AttributeType::Int`].
        int: Int(value) => i64, *value;
        /// An [`AttributeType::String`].
        string: Text(value) => &str, value;
        /// An [`AttributeType::Tensor`].
        tensor: Tensor(value) => &Tensor, value;
        /// An [`AttributeType::Floats`].
        floats: Floats(value) => &[f32], value;
        /// An [`AttributeType::Ints`].
        ints: Ints(value) => &[i64], value;
        /// An [`AttributeType::Strings`].
        strings: Texts(value) => &[String], value;
    }

    /// # Safety
    /// `api` and `context` are those of a `create()` or `shapes()` under way.
    pub(crate) unsafe fn read(
        api: &sys::spinel_op_api,
        context: *mut sys::spinel_op_context,
        declared: &[(String, AttributeType, bool)],
    ) -> Result<Self> {
        let mut out = HashMap::new();
        for (name, kind, _) in declared {
            if let Some(value) = read(api, context, name, *kind)? {
                out.insert(name.clone(), value);
            }
        }
        Ok(Attributes(out))
    }
}

/// Reads one value by a function of the table into `$out`; leaves the function with `None` if the node lacks it.
macro_rules! fetch {
    ($function:expr, $context:expr, $name:expr, $($out:expr),+) => {
        match $function.map_or(sys::SPINEL_UNSUPPORTED, |function| function($context, $name.as_ptr(), $($out),+)) {
            sys::SPINEL_OK => {}
            sys::SPINEL_NOT_FOUND => return Ok(None),
            code => {
                let message = format!("the attribute {:?} cannot be read", $name);
                return Err(Error::new(ErrorCode::from_number(code), message));
            }
        }
    };
}

unsafe fn read(
    api: &sys::spinel_op_api,
    context: *mut sys::spinel_op_context,
    name: &str,
    kind: AttributeType,
) -> Result<Option<Value>> {
    let name = c_text(name, "the attribute")?;
    let mut count = 0;
    Ok(Some(match kind {
        AttributeType::Float => {
            let mut value = 0.0;
            fetch!(api.attribute_float, context, name, &mut value);
            Value::Float(value)
        }
        AttributeType::Int => {
            let mut value = 0;
            fetch!(api.attribute_int, context, name, &mut value);
            Value::Int(value)
        }
        AttributeType::String => {
            let mut value = sys::spinel_string::default();
            fetch!(api.attribute_string, context, name, &mut value);
            Value::Text(lossy(&value))
        }
        AttributeType::Tensor => {
            let mut value = std::ptr::null();
            fetch!(api.attribute_tensor, context, name, &mut value);
            Value::Tensor(copy(&TensorView::from_struct(&*value))?)
        }
        AttributeType::Floats => {
            let mut values = std::ptr::null();
            fetch!(api.attribute_floats, context, name, &mut values, &mut count);
            Value::Floats((0..count).map(|i| *values.add(i)).collect())
        }
        AttributeType::Ints => {
            let mut values = std::ptr::null();
            fetch!(api.attribute_ints, context, name, &mut values, &mut count);
            Value::Ints((0..count).map(|i| *values.add(i)).collect())
        }
        AttributeType::Strings => {
            let mut values = std::ptr::null();
            fetch!(api.attribute_strings, context, name, &mut values, &mut count);
            Value::Texts((0..count).map(|i| lossy(&*values.add(i))).collect())
        }
    }))
}

unsafe fn lossy(text: &sys::spinel_string) -> String {
    match text.size_bytes {
        0 => String::new(),
        size => String::from_utf8_lossy(std::slice::from_raw_parts(text.data.cast(), size)).into_owned(),
    }
}

fn copy(view: &TensorView<'_>) -> Result<Tensor> {
    match view.byte_strings() {
        Ok(texts) => Tensor::from_strings(view.shape(), &texts),
        Err(_) => Tensor::from_bytes(view.dtype(), view.shape(), view.as_bytes()?),
    }
}
