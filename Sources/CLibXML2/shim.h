#pragma once
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

/* xmlFree is a mutable global function pointer, which Swift cannot call safely. */
static inline void longshore_xml_free(void *memory) { xmlFree(memory); }
