/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/hostdev.h"

#include <stdio.h>

const char *hostdev_element(enum framework framework, const char *uuid,
			    const struct bdf *vf, char buf[HOSTDEV_SIZE])
{
	if (framework == FRAMEWORK_VFIO)
		(void)snprintf(buf, HOSTDEV_SIZE,
			       "<hostdev mode='subsystem' type='pci' managed='no'>\n"
			       "  <source>\n"
			       "    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			       "function='0x%x'/>\n"
			       "  </source>\n"
			       "</hostdev>\n",
			       vf->domain, vf->bus, vf->device, vf->function);
	else
		(void)snprintf(buf, HOSTDEV_SIZE,
			       "<hostdev mode='subsystem' type='mdev' managed='no' "
			       "model='vfio-pci'>\n"
			       "  <source>\n"
			       "    <address uuid='%s'/>\n"
			       "  </source>\n"
			       "</hostdev>\n",
			       uuid);
	return buf;
}
