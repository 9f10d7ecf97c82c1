// The header's variants and errors; tests/media compares many files with what numpy wrote.
#include <catch2/catch.hpp>

#include <cstring>

#include "data/npy.hpp"
#include "data/test_folder.hpp"

using namespace spinel;

namespace {

std::string npy(int version, std::string dictionary, const std::string& data) {
  dictionary += '\n';
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  out += static_cast<char>(dictionary.size() & 0xff);
  out += static_cast<char>(dictionary.size() >> 8);
  if (version > 1) out += std::string(2, '\0');
  return out + dictionary + data;
}

Tensor parse(const std::string& bytes, const Limits& limits = {}) {
  return parse_npy(std::as_bytes(std::span(bytes)), "test.npy", limits);
}

ErrorCode code_of(const std::string& bytes, const Limits& limits = {}) {
  try {
    parse(bytes, limits);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("test.npy"));
    return error.code();
  }
  return ErrorCode{};
}

constexpr const char* pair = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";

}  // namespace

TEST_CASE("what is written is read back") {
  const TestFolder folder;
  const auto path = folder.path() / "a.npy";
  for (const DType dtype : {DType::float32, DType::float16, DType::float64, DType::int64, DType::uint8,
                            DType::int32, DType::boolean, DType::complex64})
    for (const Dims& dims : {Dims{}, Dims{3}, Dims{2, 0, 4}, Dims{2, 3, 4}}) {
      Tensor tensor(dtype, dims);
      for (size_t i = 0; i < tensor.size_bytes(); ++i)
        static_cast<uint8_t*>(tensor.raw())[i] = static_cast<uint8_t>(dtype == DType::boolean ? i % 2 : i);
      write_npy(path, tensor);
      const Tensor back = read_npy(path);
      CHECK(back.dtype() == dtype);
      CHECK(back.dims() == dims);
      CHECK(std::memcmp(back.raw(), tensor.raw(), tensor.size_bytes()) == 0);
    }
  CHECK(npy_header(Tensor(DType::float32, {3})).size() % 64 == 0);
}

TEST_CASE("versions, byte order and Fortran order") {
  for (const int version : {1, 2, 3}) CHECK(parse(npy(version, pair, "ab")).data<uint8_t>()[1] == 'b');
  const Tensor big =
      parse(npy(1, "{'descr': '>u2', 'fortran_order': False, 'shape': (2,)}", std::string("\1\2\3\4")));
  CHECK(big.data<uint16_t>()[0] == 0x0102);
  const Tensor fortran = parse(npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "abcdef"));
  CHECK(std::string(static_cast<const char*>(fortran.raw()), 6) == "acebdf");
  const Tensor truth =
      parse(npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", std::string("\7\0", 2)));
  CHECK(static_cast<const uint8_t*>(truth.raw())[0] == 1);
  CHECK(parse(npy(1, "{ \"shape\" : ( 2L , ) , 'descr':'u1','fortran_order':False}", "ab")).dims() ==
        Dims{2});
}

TEST_CASE("damaged and foreign files are clear errors") {
  const std::string good = npy(1, pair, "ab");
  for (size_t size = 0; size < good.size(); ++size)
    CHECK(code_of(good.substr(0, size)) == ErrorCode::bad_data);
  CHECK(code_of(npy(4, pair, "ab")) == ErrorCode::unsupported);
  const auto header = [](const char* text) { return npy(1, text, "abcdefgh"); };
  CHECK(code_of(header("{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}")) == ErrorCode::unsupported);
  CHECK(code_of(header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")) == ErrorCode::unsupported);
  CHECK(code_of(header("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}")) ==
        ErrorCode::unsupported);
  CHECK(code_of(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}")) ==
        ErrorCode::unsupported);
  CHECK_THROWS_WITH(parse(header("{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}")),
                    Catch::Contains("text"));
  for (const char* wrong :
       {"", "{", "{'descr': '|u1', 'shape': (2,)}", "{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)} x"})
    CHECK(code_of(header(wrong)) == ErrorCode::bad_data);
  Limits limits;
  limits.max_tensor_bytes = 1;
  CHECK(code_of(good, limits) == ErrorCode::limit_exceeded);
}

TEST_CASE("types that numpy lacks are not written") {
  CHECK_THROWS_WITH(npy_header(Tensor(DType::bfloat16, {1})), Catch::Contains("bfloat16"));
  CHECK_THROWS_AS(npy_header(Tensor(DType::string, {1})), Error);
  CHECK_THROWS_AS(npy_header(Tensor(DType::int4, {2})), Error);
  CHECK_THROWS_AS(write_npy("/no/such/folder/a.npy", Tensor(DType::float32, {1})), Error);
}
