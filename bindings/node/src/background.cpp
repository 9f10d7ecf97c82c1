#include "background.hpp"

#include "visits.hpp"

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

napi_value Background::run_in_place(napi_env env) {
  if (calls_javascript())
    Environment::of(env).visits().serve_while([this] { work_and_keep(); }, [this] { cancel(); });
  else
    work_and_keep();
  return result(env);
}

}  // namespace spinel_node
