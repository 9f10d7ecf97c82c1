//! What every binding must do: bindings/vectors.json.

mod support;

use std::collections::HashMap;

use spinel::{
    load_labels, top_k, DType, Element, Engine, Error, Preprocess, Result, Scores, Tensor, TensorView, F16,
};
use support::json::Json;
use support::{block_on, model, project};

fn vectors(kind: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(project("bindings/vectors.json")).unwrap();
    let cases = Json::parse(&text).unwrap().get(kind).unwrap().list().to_vec();
    assert!(!cases.is_empty());
    cases
}

fn shape(tensor: &Json) -> Vec<usize> {
    tensor.get("shape").unwrap().list().iter().map(|dim| dim.number() as usize).collect()
}

fn tensor(json: &Json) -> Tensor {
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

fn close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= tolerance * wanted.abs(), "{found} is not {wanted}");
    }
}

fn same(found: &Tensor, wanted: &Tensor) {
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

fn load(case: &Json) -> Result<Engine> {
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

fn check_error(case: &Json, error: &Error) {
    assert_eq!(error.code().name(), case.text("error").unwrap(), "{error}");
    assert!(error.message().contains(case.text("contains").unwrap_or("")), "{error}");
    if let Some(node) = case.text("node") {
        assert_eq!(error.node(), Some(node));
    }
}

fn name(case: &Json) {
    println!("{}", case.text("name").unwrap());
}

#[test]
fn runs() {
    for case in vectors("runs") {
        name(&case);
        let engine = load(&case).unwrap();
        let inputs: Vec<(&str, Tensor)> = case
            .get("inputs")
            .unwrap()
            .members()
            .iter()
            .map(|(name, json)| (name.as_str(), tensor(json)))
            .collect();
        let by_name = |name: &str| &inputs.iter().find(|(input, _)| *input == name).unwrap().1;
        let ordered: Vec<Tensor> = engine.inputs().iter().map(|info| by_name(&info.name).clone()).collect();
        let named = engine.run_named(inputs.iter().map(|(name, tensor)| (*name, TensorView::from(tensor))));
        let results =
            [engine.run(&ordered), engine.run_async(ordered.clone()).and_then(|request| request.wait()), {
                engine.run_async(ordered.clone()).and_then(block_on)
            }];
        if case.get("error").is_some() {
            check_error(&case, &named.unwrap_err());
            results.iter().for_each(|result| check_error(&case, result.as_ref().unwrap_err()));
            continue;
        }
        let wanted = case.get("outputs").unwrap().members();
        let check = |found: &HashMap<String, Tensor>| {
            assert_eq!(found.len(), wanted.len());
            wanted.iter().for_each(|(name, json)| same(&found[name], &tensor(json)));
        };
        check(&named.unwrap());
        for result in results {
            let names = engine.outputs().iter().map(|info| info.name.clone());
            check(&names.zip(result.unwrap()).collect());
        }
    }
}

#[test]
fn loads() {
    for case in vectors("loads") {
        name(&case);
        check_error(&case, &load(&case).unwrap_err());
    }
}

#[test]
fn images() {
    for case in vectors("images") {
        name(&case);
        let engine = load(&case).unwrap();
        let images = Preprocess::preset(case.text("preset").unwrap()).unwrap().fit(&engine).unwrap();
        let image = images.file(project(case.text("image").unwrap()));
        if case.get("error").is_some() {
            check_error(&case, &image.unwrap_err());
            continue;
        }
        let scores = engine.run([&image.unwrap()]).unwrap();
        let best = top_k(&scores[0], 1, Scores::Logits).unwrap()[0][0];
        assert_eq!(best.class, case.get("index").unwrap().number() as usize);
        assert!(f64::from(best.score) > case.get("least").unwrap().number(), "{best:?}");
        let labels = load_labels(project(case.text("labels").unwrap())).unwrap();
        assert_eq!(labels[best.class], case.text("label").unwrap());
    }
}
