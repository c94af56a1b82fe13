#include <libpq-fe.h>

// The fields' names are macros of character constants, which Swift does not import.
static inline const char *chamber_pq_sqlstate(const PGresult *r) { return PQresultErrorField(r, PG_DIAG_SQLSTATE); }
static inline const char *chamber_pq_primary_message(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
}
// The severity as the protocol has it, whatever language the server's messages are in.
static inline const char *chamber_pq_severity(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
}
// Which function of the server speaks, whatever language its messages are in.
static inline const char *chamber_pq_source_function(const PGresult *r) {
    return PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
}
