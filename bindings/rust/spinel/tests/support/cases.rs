//! Cases of bindings/vectors.json.

use spinel::{DType, Element, Engine, Error, Result, Tensor, F16};

use super::json::Json;
use super::{model, project};

pub fn vectors(kind: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(project("bindings/vectors.json")).unwrap();
    let cases = Json::parse(&text).unwrap().get(kind).unwrap().list().to_vec();
    assert!(!cases.is_empty());
    cases
}

pub fn shape(tensor: &Json) -> Vec<usize> {
    tensor.get("shape").unwrap().list().iter().map(|dim| dim.number() as usize).collect()
}

pub fn tensor(json: &Json) -> Tensor {
    let data = json.get("data").unwrap().list();
    fn numbers<T: Element>(shape: &[usize], data: &[Json], convert: impl Fn(f64) -> T) -> Tensor {
        Tensor::new(shape, data.iter().map(|value| convert(value.number())).collect()).unwrap()
    }
    let shape = &shape(json);
    match DType::from_name(json.text("dtype").unwrap()).unwrap() {
        DType::Float32 => numbers(shape, data, |value| value as f32),
        DType::Float64 => numbers(shape, data, |value| value),
        DType::Float16 => numbers(shape, data, |value| F16::from_f32(value as f32)),
        DType::Int8 => numbers(shape, data, |value| value as i8),
        DType::Int16 => numbers(shape, data, |value| value as i16),
        DType::Int32 => numbers(shape, data, |value| value as i32),
        DType::Int64 => numbers(shape, data, |value| value as i64),
        DType::UInt8 => numbers(shape, data, |value| value as u8),
        DType::UInt16 => numbers(shape, data, |value| value as u16),
        DType::UInt32 => numbers(shape, data, |value| value as u32),
        DType::UInt64 => numbers(shape, data, |value| value as u64),
        DType::Bool => numbers(shape, data, |value| value != 0.0),
        DType::String => {
            let texts: Vec<&str> = data
                .iter()
                .map(|value| match value {
                    Json::Text(text) => text.as_str(),
                    other => panic!("{other:?} is no text"),
                })
                .collect();
            Tensor::from_strings(shape, &texts).unwrap()
        }
        other => panic!("{other}"),
    }
}

pub fn close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= tolerance * wanted.abs(), "{found} is not {wanted}");
    }
}

pub fn same(found: &Tensor, wanted: &Tensor) {
    assert_eq!((found.dtype(), found.shape()), (wanted.dtype(), wanted.shape()));
    fn numbers<T: Element + Into<f64>>(tensor: &Tensor) -> Vec<f64> {
        tensor.as_slice::<T>().unwrap().iter().map(|value| (*value).into()).collect()
    }
    match wanted.dtype() {
        DType::Float32 => close(&numbers::<f32>(found), &numbers::<f32>(wanted), 1e-5),
        DType::Float64 => close(&numbers::<f64>(found), &numbers::<f64>(wanted), 1e-5),
        DType::Float16 => close(&numbers::<F16>(found), &numbers::<F16>(wanted), 1e-3),
        DType::String => assert_eq!(found.strings().unwrap(), wanted.strings().unwrap()),
        _ => assert_eq!(found.as_bytes().unwrap(), wanted.as_bytes().unwrap()),
    }
}

pub fn load(case: &Json) -> Result<Engine> {
    let mut builder = Engine::builder();
    if let Some(options) = case.get("options") {
        for (name, value) in options.members() {
            let text = || options.text(name).unwrap();
            builder = match name.as_str() {
                "spas" => builder.spas(value.number() as u32),
                "target" => builder.target(text()),
                "dtype" => builder.dtype(DType::from_name(text()).unwrap()),
                "input_names" => builder.input_names(value.list().iter().map(|name| match name {
                    Json::Text(name) => name.as_str(),
                    other => panic!("{other:?}"),
                })),
                other => panic!("the option {other}"),
            };
        }
    }
    builder.load(model(case.text("model").unwrap()))
}

pub fn check_error(case: &Json, error: &Error) {
    assert_eq!(error.code().name(), case.text("error").unwrap(), "{error}");
    assert!(error.message().contains(case.text("contains").unwrap_or("")), "{error}");
    if let Some(node) = case.text("node") {
        assert_eq!(error.node(), Some(node));
    }
}

pub fn name(case: &Json) {
    println!("{}", case.text("name").unwrap());
}

/// The tensors of an object, by name.
pub fn tensors(json: &Json) -> Vec<(&str, Tensor)> {
    json.members().iter().map(|(name, json)| (name.as_str(), tensor(json))).collect()
}

pub fn whole(json: &Json, key: &str) -> Option<usize> {
    json.get(key).map(|value| value.number() as usize)
}

/// Runs a case; one that names an error must end with it.
pub fn each(kind: &str, check: impl Fn(&Json) -> Result<()>) {
    for case in vectors(kind) {
        name(&case);
        match (check(&case), case.get("error")) {
            (Err(error), Some(_)) => check_error(&case, &error),
            (done, None) => done.unwrap(),
            (Ok(()), Some(_)) => panic!("nothing failed"),
        }
    }
}
