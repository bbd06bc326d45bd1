// liblate has no initializers, so that loading it touches none of its code.
int latefunc(int n)
{
	return 2 * n;
}
