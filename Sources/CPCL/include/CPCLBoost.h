// To be included before any header of PCL.
#ifndef APUS_CPCL_BOOST_H
#define APUS_CPCL_BOOST_H

#ifdef __cplusplus
// Boost 1.74's numeric_cast does not compile under clang 16 and newer (an enumerator outside its enumeration's range).
// Its header is kept out by its own include guard, and the one function that PCL needs is supplied here.
#include <boost/numeric/conversion/converter_policies.hpp>
#define BOOST_NUMERIC_CONVERSION_CAST_25OCT2001_HPP
namespace boost {
template <typename Target, typename Source>
inline Target numeric_cast(Source value) {
  return static_cast<Target>(value);
}
using numeric::bad_numeric_cast;
}  // namespace boost
#endif

#endif
