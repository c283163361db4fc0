#pragma once

/// Whether libvirt's client runs its loops through the functions of this module.
int longshore_client_loop_is_mended(void);
