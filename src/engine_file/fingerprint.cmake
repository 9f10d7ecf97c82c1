# Writes OUTPUT, which defines build_fingerprint as a digest of FILES and their names below ROOT.
set(all "")
foreach(file IN LISTS FILES)
  file(SHA256 ${file} digest)
  file(RELATIVE_PATH name ${ROOT} ${file})
  string(APPEND all "${name} ${digest}\n")
endforeach()
string(SHA256 digest "${all}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUTPUT} "#include \"engine_file/stamp.hpp\"
namespace spinel::engine_file {
const uint64_t build_fingerprint = 0x${digest};
}
")
