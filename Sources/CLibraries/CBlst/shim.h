// blst_aux.h holds blst_sha256 and the serializing forms of signing.
#include <blst.h>
#include <blst_aux.h>
