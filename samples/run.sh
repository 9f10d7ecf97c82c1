#!/usr/bin/env bash
# From a clean clone to answers: sets up, builds preset release in build/, and runs the samples on shipped data.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
started=$SECONDS

step() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}

step "Packages that the build needs"
cmake/bootstrap.sh build
echo "all there"

step "Build (preset release, in build/)"
# A fresh build folder leaves the tests out; one that tests/run.sh made keeps them.
options=()
[ -f build/CMakeCache.txt ] || options=(-DSPINEL_BUILD_TESTS=OFF)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "samples/run.sh: failed: $*" >&2
    exit 1
  fi
}
quietly cmake --preset release "${options[@]}"
if [ -t 1 ]; then cmake --build --preset release; else quietly cmake --build --preset release; fi
echo "built in $((SECONDS - started)) s"

photos=samples/photos
if [ -f $photos/efficientnet_lite0.onnx ]; then
  step "What is in the photos? An ImageNet classifier, 1000 classes"
  show build/bin/spinel classify $photos/efficientnet_lite0.onnx $photos/*.png $photos/*.jpg --topk 3
fi

resnet=samples/resnet
step "One image through a ResNet trained on Fashion-MNIST"
first=$(ls $resnet/images | head -n 1)
show build/bin/resnet_single --ckpt $resnet/resnet_fashion.onnx --data_path "$resnet/images/$first"

step "A folder of images, in float16"
show build/bin/resnet_folder --ckpt $resnet/resnet_fashion_fp16.onnx --data_path $resnet/images --batch_size 4

step "Accuracy on 500 validation images"
show build/bin/resnet_valid --ckpt $resnet/resnet_fashion.onnx --data_path $resnet/val --batch_size 16

step "An operator that ONNX lacks, brought along by the program"
show build/bin/custom_add_cpp samples/custom_op/add.onnx

step "Where to go next"
cat <<'NEXT'
build/bin/spinel --help                         the command: info, run, preprocess, classify
build/bin/spinel classify MODEL your_photo.jpg  your own images
samples/resnet/*.cpp, samples/c/                the programs that just ran, in C++ and C
README.md, docs/architecture.md                 the library in your program, and how it is built
tests/run.sh                                    the tests
NEXT
echo "samples/run.sh: all done in $((SECONDS - started)) s"
