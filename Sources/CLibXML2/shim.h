#pragma once

/*
 * ICU's headers, which Debian's libxml2 includes, declare what Foundation's own ICU declares otherwise, and the compiler refuses to see
 * both. They matter to the encoding handlers alone, which nobody here uses.
 */
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

/* xmlFree is a mutable global function pointer, which Swift cannot call safely. */
static inline void longshore_xml_free(void *memory) { xmlFree(memory); }
