#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/hmac.h>

// ERR_R_MALLOC_FAILURE is a macro of an expression, which Swift does not import.
static inline unsigned long chamber_openssl_out_of_memory(void) { return ERR_R_MALLOC_FAILURE; }
