// What is in the images? Prints the five best classes of each:
//
//	classify [-preset NAME] MODEL.onnx LABELS.txt IMAGE...
//
// Images that cannot be used are named; then the exit code is 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"spinel"
)

func main() {
	preset := flag.String("preset", "imagenet", "how images are preprocessed")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: %s [-preset NAME] MODEL.onnx LABELS.txt IMAGE...\n", os.Args[0])
	}
	flag.Parse()
	if flag.NArg() < 3 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // Control-C cancels the load or run.
	defer stop()
	good, err := classify(ctx, *preset, flag.Arg(0), flag.Arg(1), flag.Args()[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

func classify(ctx context.Context, preset, model, labelFile string, images []string) (bool, error) {
	engine, err := spinel.Load(ctx, model, nil)
	if err != nil {
		return false, err
	}
	defer engine.Close()
	labels, err := spinel.LoadLabels(labelFile, 0)
	if err != nil {
		return false, err
	}
	preprocess, err := spinel.NewPreprocess(preset)
	if err != nil {
		return false, err
	}
	// The model's input says which size and type images need.
	if err := preprocess.Fit(engine, 0); err != nil {
		return false, err
	}
	good := true
	for _, image := range images {
		answers, err := answer(ctx, engine, preprocess, image)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", image, err)
			good = false
			continue
		}
		fmt.Println(image)
		for _, class := range answers {
			name := "(a class without a label)"
			if class.Index < len(labels) {
				name = labels[class.Index]
			}
			fmt.Printf("  %.3f %s\n", class.Score, name)
		}
	}
	return good, nil
}

func answer(ctx context.Context, engine *spinel.Engine, preprocess *spinel.Preprocess, path string) ([]spinel.Class, error) {
	image, err := preprocess.File(path)
	if err != nil {
		return nil, err
	}
	scores, err := engine.Run(ctx, image)
	if err != nil {
		return nil, err
	}
	answers, err := spinel.TopK(scores[0], 5, true)
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}
