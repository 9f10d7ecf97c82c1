//! What every binding must do: bindings/vectors.json.

mod support;

use std::collections::HashMap;

use spinel::{load_labels, top_k, Preprocess, Scores, Tensor, TensorView};
use support::cases::{check_error, each, load, name, same, tensor, tensors, vectors, whole};
use support::json::Json;
use support::{block_on, project};

#[test]
fn runs() {
    for case in vectors("runs") {
        name(&case);
        let engine = load(&case).unwrap();
        let inputs = tensors(case.get("inputs").unwrap());
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
    each("loads", |case| load(case).map(drop));
}

#[test]
fn images() {
    each("images", |case| {
        let engine = load(case)?;
        let images = Preprocess::preset(case.text("preset").unwrap())?.fit(&engine)?;
        let scores = engine.run([&images.file(project(case.text("image").unwrap()))?])?;
        let best = top_k(&scores[0], 1, Scores::Logits)?[0][0];
        assert_eq!(best.class, whole(case, "index").unwrap());
        assert!(f64::from(best.score) > case.get("least").unwrap().number(), "{best:?}");
        let labels = load_labels(project(case.text("labels").unwrap()))?;
        assert_eq!(labels[best.class], case.text("label").unwrap());
        Ok(())
    });
}

#[test]
fn inspections() {
    each("inspections", |case| {
        let engine = load(case)?;
        let inputs = tensors(case.get("inputs").unwrap());
        let names: Vec<&str> = case.get("values").unwrap().list().iter().map(Json::as_text).collect();
        let mut found = HashMap::new();
        let call = inputs.iter().fold(engine.call(), |call, (name, tensor)| call.input(name, tensor));
        let results = call.inspect(&names, |value, tensor| {
            let bytes = tensor.as_bytes()?;
            found.insert(value.name.clone(), Tensor::from_bytes(tensor.dtype(), tensor.shape(), bytes)?);
            Ok(None)
        })?;
        for (found, wanted) in [(&found, "found"), (&results, "outputs")] {
            let wanted = tensors(case.get(wanted).unwrap());
            assert_eq!(found.len(), wanted.len());
            wanted.iter().for_each(|(name, tensor)| same(&found[*name], tensor));
        }
        Ok(())
    });
}
