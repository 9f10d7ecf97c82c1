//! Simplifying and converting ONNX files.

mod support;

use std::path::PathBuf;

use spinel::{
    convert_model, float16_keep_list, simplify_model, simplify_steps, AttributeType, CheckOptions,
    ConvertOptions, CustomOp, DType, Engine, ErrorCode, Limits, OpOutput, OpSet, SimplifyOptions, Tensor,
};
use support::{model, project};

/// A path that is removed in the end.
struct Out(PathBuf);

impl Out {
    fn new(name: &str) -> Self {
        let unique = format!("spinel_rust_{}_{name}.onnx", std::process::id());
        Out(std::env::temp_dir().join(unique))
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.0.with_extension("onnx.data"));
    }
}

#[test]
fn a_model_is_simplified() {
    let out = Out::new("simplified");
    let options = SimplifyOptions { input_shapes: vec![("x".into(), vec![4, 0])], ..Default::default() };
    let report = simplify_model(model("tools"), &out.0, &options).unwrap();
    assert_eq!(report.operators_before["Identity"], 1);
    assert!(!report.operators_after.contains_key("Identity"));
    assert_eq!((&report.files[..], report.check_runs), (&[out.0.clone()][..], 3));
    assert_eq!(report.check_skipped, "");
    assert!(report.changes.iter().any(|(_, places)| *places > 0) && report.max_difference < 1e-5);
    let engine = Engine::load(&out.0).unwrap();
    assert_eq!(engine.inputs()[0].shape, Some(vec![Some(4), Some(2)]));
    let x = Tensor::new(&[4, 2], vec![1f32, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).unwrap();
    let wanted = Engine::load(model("tools")).unwrap().run([&x]).unwrap();
    assert_eq!(engine.run([&x]).unwrap()[0].as_slice::<f32>(), wanted[0].as_slice::<f32>());

    let nothing = SimplifyOptions {
        skip_steps: simplify_steps().unwrap(),
        check: CheckOptions { runs: Some(0), ..Default::default() },
        ..Default::default()
    };
    let unchanged = simplify_model(model("tools"), &out.0, &nothing).unwrap();
    assert_eq!((unchanged.check_runs, unchanged.operators_after), (0, report.operators_before));
}

#[test]
fn a_model_is_converted() {
    let out = Out::new("converted");
    let options = ConvertOptions {
        keep_inputs: vec!["x".into()],
        external_data: true,
        check: CheckOptions { tolerance: Some(2.0), ..Default::default() },
        ..Default::default()
    };
    let report = convert_model(model("tools"), &out.0, &options).unwrap();
    let clamped = &report.clamped[0];
    assert_eq!(
        (clamped.name.as_str(), clamped.elements, clamped.clamped, clamped.flushed),
        ("large", 2, 1, 1)
    );
    assert_eq!((report.converted_tensors, report.check_runs, report.clamped.len()), (3, 1, 1));
    assert_eq!(Engine::load(&out.0).unwrap().inputs()[0].dtype, DType::Float32);
    assert!(float16_keep_list().unwrap().contains(&"Range".to_string()));
    let kept = ConvertOptions { keep_ops: vec!["Mul".into()], keep_io_types: true, ..Default::default() };
    assert_eq!(convert_model(model("tools"), &out.0, &kept).unwrap().kept, ["scale (Mul)"]);
}

#[test]
fn operators_that_onnx_lacks() {
    let out = Out::new("operators");
    let mut set = OpSet::new().unwrap();
    let op = CustomOp::new("custom", "Add", |run| {
        for (output, sign) in [(0, 1.0), (1, -1.0)] {
            let (x, y) = (run.input(0).unwrap(), run.input(1).unwrap());
            let sums = run.output::<f32>(output, x.shape())?;
            for ((sum, x), y) in sums.iter_mut().zip(x.as_slice::<f32>()?).zip(y.as_slice::<f32>()?) {
                *sum = x + sign * y;
            }
        }
        Ok(())
    });
    let op = op.input("x").input("y").output("sum").output(OpOutput::new("difference"));
    set.add(op.attribute("alpha", AttributeType::Float)).unwrap();
    let add = project("samples/custom_op/add.onnx");
    let simplify = SimplifyOptions { custom_ops: Some(&set), ..Default::default() };
    let convert = ConvertOptions { custom_ops: Some(&set), ..Default::default() };
    for report in [simplify_model(&add, &out.0, &simplify), convert_model(&add, &out.0, &convert)] {
        let report = report.unwrap();
        assert!(report.check_runs > 0 && report.operators_after.contains_key("custom::Add"));
    }
}

#[test]
fn misuse() {
    let out = Out::new("misuse");
    let mut one_node = Limits::default();
    one_node.max_nodes = 1;
    let options = [
        (SimplifyOptions { skip_steps: vec!["none".into()], ..Default::default() }, ErrorCode::NotFound),
        (
            SimplifyOptions { input_shapes: vec![("none".into(), vec![1])], ..Default::default() },
            ErrorCode::NotFound,
        ),
        (
            SimplifyOptions { skip_steps: vec!["a\0".into()], ..Default::default() },
            ErrorCode::InvalidArgument,
        ),
        (SimplifyOptions { limits: Some(one_node), ..Default::default() }, ErrorCode::LimitExceeded),
    ];
    for (options, code) in options {
        assert_eq!(simplify_model(model("tools"), &out.0, &options).unwrap_err().code(), code);
    }
    let missing = convert_model("/none.onnx", &out.0, &Default::default()).unwrap_err();
    assert_eq!(missing.code(), ErrorCode::NotFound);
    assert!(!out.0.exists());
}
