//! What is in the image? `classify MODEL.onnx LABELS.txt IMAGE` prints the five best classes.

use spinel::{load_labels, top_k, Engine, Preprocess, Scores};

fn classify(model: &str, labels: &str, image: &str) -> spinel::Result<()> {
    let engine = Engine::load(model)?;
    let labels = load_labels(labels)?;
    let images = Preprocess::imagenet().fit(&engine)?; // size and type of the model's input
    let scores = engine.run([&images.file(image)?])?;
    println!("{image}");
    for answer in &top_k(&scores[0], 5, Scores::Logits)?[0] {
        let name = labels.get(answer.class).map_or("(a class without a label)", String::as_str);
        println!("  {:.3} {name}", answer.score);
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, labels, image) = match arguments.as_slice() {
        [model, labels, image] => (model, labels, image),
        _ => {
            eprintln!("usage: classify MODEL.onnx LABELS.txt IMAGE");
            std::process::exit(2);
        }
    };
    if let Err(error) = classify(model, labels, image) {
        eprintln!("{error} ({})", error.code());
        std::process::exit(1);
    }
}
