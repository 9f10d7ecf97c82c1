#include "background.hpp"

namespace spinel_node {

void Background::work_and_keep() noexcept {
  try {
    work();
  } catch (Failure& failure) {
    failure_ = std::move(failure);
  } catch (const std::bad_alloc&) {
    failure_ = Failure{SPINEL_OUT_OF_MEMORY, {}, {}};
  } catch (const std::exception& failure) {
    failure_ = Failure{SPINEL_INTERNAL, {}, {}};
  }
}

}  // namespace spinel_node
