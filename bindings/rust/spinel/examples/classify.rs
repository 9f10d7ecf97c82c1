//! What is in the images? `classify [--preset NAME] MODEL.onnx LABELS.txt IMAGE...` prints the five best classes of each.
//! Images that cannot be used are named; then the exit code is 1.

use spinel::{load_labels, top_k, Engine, Preprocess, Result, Scores};

/// Whether every image could be used.
fn classify(preset: &str, model: &str, labels: &str, images: &[String]) -> Result<bool> {
    let engine = Engine::load(model)?;
    let labels = load_labels(labels)?;
    let preprocess = Preprocess::preset(preset)?.fit(&engine)?; // size and type of the model's input
    let answers = |image| top_k(&engine.run([&preprocess.file(image)?])?[0], 5, Scores::Logits);
    let mut all_done = true;
    for image in images {
        match answers(image) {
            Err(error) => {
                eprintln!("{error} ({})", error.code());
                all_done = false;
            }
            Ok(rows) => {
                println!("{image}");
                for answer in &rows[0] {
                    let name = labels.get(answer.class).map_or("(a class without a label)", String::as_str);
                    println!("  {:.3} {name}", answer.score);
                }
            }
        }
    }
    Ok(all_done)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (preset, rest) = match arguments.as_slice() {
        [flag, preset, rest @ ..] if flag == "--preset" => (preset.as_str(), rest),
        rest => ("imagenet", rest),
    };
    let code = match rest {
        [model, labels, images @ ..] if !images.is_empty() => match classify(preset, model, labels, images) {
            Ok(all_done) => i32::from(!all_done),
            Err(error) => {
                eprintln!("{error} ({})", error.code());
                1
            }
        },
        _ => {
            eprintln!("usage: classify [--preset NAME] MODEL.onnx LABELS.txt IMAGE...");
            2
        }
    };
    std::process::exit(code);
}
